-- Cells of one grain and dimension (of one member, or of each): of each wanted KPI and its parts those that start in a run
-- of its own. Of series in which things wait for an hour of a day only the days from today on say anything. A series is
-- one row: integers of any size as texts in one, because the driver takes longest over many numbers of that kind.
SELECT s.member, s.kpi AS series, array_agg(c.start) AS starts, string_agg(c.numerator::text, ' ') AS numerators,
       string_agg(c.denominator::text, ' ') AS denominators, array_agg(c.events) AS events
FROM unnest($4::text[], $5::integer[], $6::text[]) AS wanted (kpi, first, hours)
JOIN series s ON split_part(s.kpi, '/', 1) = wanted.kpi AND s.dimension = $1 AND s.grain = $3
    AND ($2::text IS NULL OR s.member = $2)
JOIN cell c ON c.series = s.id AND c.start < $7
    AND c.start >= CASE WHEN s.kpi ~ wanted.hours THEN greatest(wanted.first, $8) ELSE wanted.first END
GROUP BY s.id, s.member, s.kpi
