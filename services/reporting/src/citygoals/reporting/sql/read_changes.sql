-- What changed after a checkpoint and up to a position, oldest first: whole runs, then the positions after the last run.
-- A run may begin before the checkpoint: its values are those of its end, so nothing goes back. The sliced cells are read
-- only where they are asked for.
WITH whole AS (
    SELECT last, totals, city, slices FROM run WHERE last > $1 AND last <= $2
)
SELECT last AS position, totals::text AS totals, city, CASE WHEN $3 THEN slices END AS slices FROM whole
UNION ALL
SELECT position, totals::text, city, CASE WHEN $3 THEN slices END
FROM history WHERE position > greatest($1, (SELECT max(last) FROM whole)) AND position <= $2
ORDER BY position
