-- Every entry of the types' facts, fact by fact.
SELECT body FROM ledger WHERE type = ANY ($1::text[]) ORDER BY fact
