SELECT position, body FROM ledger WHERE fact = ANY ($1::uuid[]) AND position <= $2
