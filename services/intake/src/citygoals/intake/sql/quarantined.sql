SELECT id, recorded_at, last_seen_at, seen, system, namespace, door, source, event_id, type, code, errors, replayed_at,
    body IS NOT NULL AS replayable, body
FROM quarantine WHERE id = $1
