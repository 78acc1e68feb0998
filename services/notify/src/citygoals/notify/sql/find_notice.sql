-- What became of the notice with this key.
SELECT id, state, subscription, attempts, reason, due_at, created_at, finished_at FROM notice WHERE key = $1
