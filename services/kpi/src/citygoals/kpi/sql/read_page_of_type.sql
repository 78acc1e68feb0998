-- Entries of a type in the order of the index by type and time, after (occurred_at, key).
SELECT key, fact, occurred_at, body FROM ledger
WHERE type = $1 AND (occurred_at, key) > ($2, $3::uuid)
ORDER BY occurred_at, key
LIMIT $4
