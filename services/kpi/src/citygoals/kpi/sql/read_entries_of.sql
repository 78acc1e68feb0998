-- The entries that came at some positions from lanes of intake, oldest position first; at most some of them.
SELECT position, body FROM ledger
WHERE position = ANY ($1::bigint[]) AND position BETWEEN $2 AND $3 AND lane > 0
ORDER BY position, lane, seq LIMIT $4
