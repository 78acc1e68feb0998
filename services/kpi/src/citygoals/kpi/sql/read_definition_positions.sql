SELECT position FROM ledger WHERE type = ANY ($1::text[]) AND lane = 0 ORDER BY position
