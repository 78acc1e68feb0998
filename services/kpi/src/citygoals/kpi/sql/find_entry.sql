SELECT lane, seq, position, fact, type, body FROM ledger WHERE key = $1
