-- The positions of one run.
SELECT totals::text AS totals, city, department, district, channel FROM history
WHERE position > $1 AND position <= $2 ORDER BY position
