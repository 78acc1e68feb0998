-- Of each KPI of a publication and kind of change up to a position: how many, how much in all, and the last.
SELECT kpi, kind, count(*) AS positions, sum(numerator)::text AS numerator, sum(denominator)::text AS denominator,
       max(position) AS last, max(recorded_at) AS last_at
FROM restatement WHERE publication = $1 AND position <= $2 GROUP BY kpi, kind
