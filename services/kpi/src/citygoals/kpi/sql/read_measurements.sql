SELECT body FROM ledger WHERE type = ANY ($1::text[]) AND position <= $2
