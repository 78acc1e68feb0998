-- The lane's row locked by its rightful writer (no row: the epoch is stale), beside which of the keys are taken already.
WITH held AS (
    SELECT next_seq FROM lane WHERE lane = $1 AND epoch = $2 FOR UPDATE
)
SELECT held.next_seq, known.key, known.digest
FROM held LEFT JOIN (SELECT key, digest FROM journal WHERE key = ANY($3::uuid[])) AS known ON true
