-- A position that is remembered, exactly.
SELECT position, recorded_at, tick FROM history WHERE position = $1
UNION ALL
SELECT position, recorded_at, tick FROM checkpoint WHERE position = $1
LIMIT 1
