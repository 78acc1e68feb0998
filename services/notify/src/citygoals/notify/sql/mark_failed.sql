-- An attempt failed; only the sender that holds claim $2 may say so. $7: when it is over for good, else null.
UPDATE notice
SET state = $3, attempts = attempts + $4, due_at = $5, reason = $6, finished_at = $7
WHERE id = $1 AND claims = $2 AND state = 'sending'
RETURNING id
