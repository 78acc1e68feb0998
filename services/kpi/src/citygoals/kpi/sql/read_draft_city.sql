-- The whole city's cells of a draft: of one period, and of the days before its end.
SELECT kpi, grain, start, numerator, denominator, events FROM draft_cell
WHERE draft = $1 AND dimension = 0 AND member = '' AND ((grain = $2 AND start = $3) OR (grain = 0 AND start < $4))
