-- Every definition that was ever applied, in order.
SELECT position, body FROM ledger WHERE type = ANY ($1::text[]) AND lane = 0 ORDER BY position
