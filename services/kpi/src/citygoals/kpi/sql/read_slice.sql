SELECT body FROM ledger WHERE position > $1 AND position <= $2 AND type = ANY ($3::text[])
