SELECT id, recorded_at, system, door, source, event_id, type, code, errors
FROM quarantine WHERE published_at IS NULL ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
