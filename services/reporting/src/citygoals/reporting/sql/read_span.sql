-- One KPI's cells of one grain and dimension that start in a half-open run of days, for every member.
SELECT s.member, c.start, c.numerator, c.denominator, c.events
FROM series s JOIN cell c ON c.series = s.id AND c.start >= $4 AND c.start < $5
WHERE s.kpi = $1 AND s.grain = $2 AND s.dimension = $3
ORDER BY s.member, c.start
