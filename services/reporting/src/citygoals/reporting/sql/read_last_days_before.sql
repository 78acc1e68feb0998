-- For each slice of one KPI, its last day before a given one on which something counted.
SELECT s.member, d.start, d.numerator, d.denominator, d.events
FROM series s
CROSS JOIN LATERAL (
    SELECT c.start, c.numerator, c.denominator, c.events
    FROM cell c WHERE c.series = s.id AND c.start < $3 AND c.events > 0
    ORDER BY c.start DESC LIMIT 1
) d
WHERE s.kpi = $1 AND s.dimension = $2 AND s.grain = 'day'
