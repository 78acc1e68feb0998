-- How many entries each position brought, after one and up to another.
SELECT position, count(*) AS entries FROM ledger WHERE position > $1 AND position <= $2 GROUP BY position ORDER BY position
