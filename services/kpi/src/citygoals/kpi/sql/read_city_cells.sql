-- The whole city's cells of one period, of every series asked for.
SELECT kpi, numerator, denominator, events FROM cell
WHERE kpi = ANY ($1::text[]) AND grain = $2 AND start = $3 AND dimension = 0 AND member = ''
