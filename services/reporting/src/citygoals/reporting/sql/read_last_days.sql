-- The city's newest days before an end on which each of some series had data, newest first.
SELECT s.kpi AS series, d.start
FROM series s
CROSS JOIN LATERAL (
    SELECT c.start FROM cell c
    WHERE c.series = s.id AND c.start < $2 AND (c.events <> 0 OR c.numerator <> 0 OR c.denominator <> 0)
    ORDER BY c.start DESC LIMIT $3
) d
WHERE s.kpi = ANY($1::text[]) AND s.dimension = 'city' AND s.member = '' AND s.grain = 'day'
ORDER BY s.kpi, d.start DESC
