-- Every definition up to a position, oldest first: the catalogue as it became, and all plan versions.
SELECT position, plan::text AS plan, kpis::text AS kpis, departments::text AS departments
FROM definition WHERE position <= $1 ORDER BY position
