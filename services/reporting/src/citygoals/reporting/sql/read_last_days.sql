-- For each KPI of a slice, its newest days before an end on which something counted, newest first.
SELECT s.kpi, d.start, d.numerator, d.denominator, d.events
FROM series s
CROSS JOIN LATERAL (
    SELECT c.start, c.numerator, c.denominator, c.events
    FROM cell c WHERE c.series = s.id AND c.start < $3 AND c.events > 0
    ORDER BY c.start DESC LIMIT $4
) d
WHERE s.dimension = $1 AND s.member = $2 AND s.grain = 'day'
ORDER BY s.kpi, d.start DESC
