-- The last position at or before another at which the definitions changed.
SELECT position FROM definition WHERE position <= $1 ORDER BY position DESC LIMIT 1
