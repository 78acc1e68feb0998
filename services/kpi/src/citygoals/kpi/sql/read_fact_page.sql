-- Entries of the types up to a position, fact by fact, from after a fact on.
SELECT fact, body FROM ledger
WHERE fact > $1 AND position <= $2 AND type = ANY ($3::text[]) ORDER BY fact LIMIT $4
