SELECT lane, seq, position, key, body FROM ledger WHERE (lane, seq) > ($1, $2) ORDER BY lane, seq LIMIT $3
