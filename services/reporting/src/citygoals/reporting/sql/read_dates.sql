-- The city's days in a half-open run on which each of some series had data.
SELECT s.kpi AS series, c.start
FROM series s JOIN cell c ON c.series = s.id AND c.start >= $2 AND c.start < $3
WHERE s.kpi = ANY($1::text[]) AND s.dimension = 'city' AND s.member = '' AND s.grain = 'day'
    AND (c.events <> 0 OR c.numerator <> 0 OR c.denominator <> 0)
ORDER BY s.kpi, c.start
