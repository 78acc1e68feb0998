-- The newest checkpoint at or before a position.
SELECT position, totals::text AS totals FROM checkpoint WHERE position <= $1 ORDER BY position DESC LIMIT 1
