-- The definitions as of a position, oldest first: every plan version, record and roster, and of the rest only what still holds (each is whole
-- in each of its changes, and reading them all would take longer with every one).
SELECT d.position, d.plan::text AS plan,
       CASE WHEN d.position = held.kpis THEN d.kpis::text END AS kpis,
       CASE WHEN d.position = held.departments THEN d.departments::text END AS departments,
       CASE WHEN d.position = held.calendars THEN d.calendars::text END AS calendars,
       CASE WHEN d.position = held.reference_tables THEN d.reference_tables::text END AS "references",
       CASE WHEN d.position = held.duties THEN d.duties::text END AS duties,
       d.records::text AS records, d.roster::text AS roster, d.recorded_at
FROM definition d
CROSS JOIN (
    SELECT max(position) FILTER (WHERE kpis IS NOT NULL) AS kpis,
           max(position) FILTER (WHERE departments IS NOT NULL) AS departments,
           max(position) FILTER (WHERE calendars IS NOT NULL) AS calendars,
           max(position) FILTER (WHERE reference_tables IS NOT NULL) AS reference_tables,
           max(position) FILTER (WHERE duties IS NOT NULL) AS duties
    FROM definition WHERE position <= $1
) held
WHERE d.position <= $1
ORDER BY d.position
