SELECT id, recorded_at, last_seen_at, seen, system, door, source, event_id, type, code, errors, replayed_at,
    body IS NOT NULL AS replayable
FROM quarantine
WHERE id < $1 AND ($2::text IS NULL OR system = $2) AND ($3::text IS NULL OR code = $3)
ORDER BY id DESC LIMIT $4
