-- All KPIs' cells of one slice (the city, one department, one district) in one calendar period.
SELECT s.kpi, c.numerator, c.denominator, c.events
FROM series s JOIN cell c ON c.series = s.id AND c.start = $4
WHERE s.dimension = $1 AND s.member = $2 AND s.grain = $3
