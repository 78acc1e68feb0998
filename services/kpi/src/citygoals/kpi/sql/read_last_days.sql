-- The last day on which each series had data, up to a day.
SELECT wanted.kpi, last.start
FROM unnest($1::text[]) AS wanted (kpi), LATERAL (
    SELECT start FROM cell
    WHERE kpi = wanted.kpi AND grain = 0 AND start <= $2 AND dimension = 0 AND member = ''
        AND (events <> 0 OR numerator <> 0 OR denominator <> 0)
    ORDER BY start DESC LIMIT 1
) AS last
