-- The series of the KPIs: each KPI's own and its parts, found one by one along the index, since a KPI has few of them
-- and each has many cells. A part's name begins with the KPI's and a slash, which "0" follows in the order of "C".
SELECT asked.kpi, series.name
FROM unnest($1::text[]) AS asked (kpi), LATERAL (
    WITH RECURSIVE part (name) AS (
        SELECT min(kpi) FROM cell WHERE kpi > asked.kpi || '/' AND kpi < asked.kpi || '0'
        UNION ALL
        SELECT (SELECT min(kpi) FROM cell WHERE kpi > part.name AND kpi < asked.kpi || '0')
        FROM part WHERE part.name IS NOT NULL
    )
    SELECT asked.kpi AS name
    UNION ALL
    SELECT name FROM part WHERE name IS NOT NULL
) AS series
