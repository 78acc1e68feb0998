-- The first tick at or after an instant, and its position.
SELECT position, occurred_at FROM ledger WHERE type = $1 AND lane = 0 AND occurred_at >= $2 ORDER BY occurred_at LIMIT 1
