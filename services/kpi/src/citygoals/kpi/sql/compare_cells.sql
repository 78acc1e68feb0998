-- Where a draft's cells differ from the active ones of the series, the first few and how many there are.
SELECT kpi, grain, start, dimension, member,
    c.numerator::text AS stored_numerator, c.denominator::text AS stored_denominator, c.events AS stored_events,
    d.numerator::text AS numerator, d.denominator::text AS denominator, d.events AS events, count(*) OVER () AS differences
FROM (SELECT * FROM draft_cell WHERE draft = $1 AND (numerator <> 0 OR denominator <> 0 OR events <> 0)) AS d
FULL JOIN (
    SELECT * FROM cell WHERE kpi = ANY ($2::text[]) AND (numerator <> 0 OR denominator <> 0 OR events <> 0)
) AS c USING (kpi, grain, start, dimension, member)
WHERE (d.numerator, d.denominator, d.events) IS DISTINCT FROM (c.numerator, c.denominator, c.events)
ORDER BY kpi, grain, start, dimension, member LIMIT $3
