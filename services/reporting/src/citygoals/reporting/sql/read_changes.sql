-- What changed in one dimension after a checkpoint and up to a position, oldest first: whole runs, then the positions after
-- the last run. A run may begin before the checkpoint: its values are those of its end, so nothing goes back.
WITH whole AS (
    SELECT last, totals, city, department, district, channel FROM run WHERE last > $1 AND last <= $2
)
SELECT last AS position, totals::text AS totals,
       CASE $3 WHEN 'city' THEN city WHEN 'department' THEN department WHEN 'district' THEN district ELSE channel END AS body
FROM whole
UNION ALL
SELECT position, totals::text,
       CASE $3 WHEN 'city' THEN city WHEN 'department' THEN department WHEN 'district' THEN district ELSE channel END
FROM history WHERE position > greatest($1, (SELECT max(last) FROM whole)) AND position <= $2
ORDER BY position
