-- All KPIs' cells of one slice and grain that start in a half-open run of days.
SELECT s.kpi, c.start, c.numerator, c.denominator, c.events
FROM series s JOIN cell c ON c.series = s.id AND c.start >= $4 AND c.start < $5
WHERE s.dimension = $1 AND s.member = $2 AND s.grain = $3
ORDER BY s.kpi, c.start
