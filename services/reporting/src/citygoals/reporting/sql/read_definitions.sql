-- The definitions as of a position, oldest first: every plan version, and of the catalogue only what still holds (the whole
-- catalogue is in each of its changes, and reading them all would take longer with every one).
SELECT d.position, d.plan::text AS plan,
       CASE WHEN d.position = held.kpis THEN d.kpis::text END AS kpis,
       CASE WHEN d.position = held.departments THEN d.departments::text END AS departments
FROM definition d
CROSS JOIN (
    SELECT max(position) FILTER (WHERE kpis IS NOT NULL) AS kpis,
           max(position) FILTER (WHERE departments IS NOT NULL) AS departments
    FROM definition WHERE position <= $1
) held
WHERE d.position <= $1
ORDER BY d.position
