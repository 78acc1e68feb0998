-- A failed draft is asked for again: it takes its turn behind those that were asked for meanwhile.
UPDATE draft SET state = 'open', attempts = 0, attempted_by = NULL, error = NULL, ended_at = NULL, asked_at = now()
WHERE id = $1 AND state = 'failed' RETURNING id
