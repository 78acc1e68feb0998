-- The last tick at or before a position.
SELECT occurred_at FROM ledger WHERE type = $1 AND lane = 0 AND position <= $2 ORDER BY occurred_at DESC LIMIT 1
