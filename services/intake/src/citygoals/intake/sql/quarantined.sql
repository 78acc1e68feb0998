SELECT id, recorded_at, last_seen_at, seen, system, namespace, door, source, event_id, type, code, errors, body, replayed_at
FROM quarantine WHERE id = $1
