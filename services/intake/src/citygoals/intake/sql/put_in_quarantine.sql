-- In the order of arrival. Two writers with the same refusals may lock each other out; the loser tries again.
INSERT INTO quarantine AS q
    (fingerprint, recorded_at, last_seen_at, system, namespace, door, source, event_id, type, code, errors, body)
SELECT r.fingerprint, $1, $1, r.system, r.namespace, r.door, r.source, r.event_id, r.type, r.code, r.errors, r.body
FROM unnest(
    $2::bytea[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::jsonb[],
    $11::bytea[]
) WITH ORDINALITY AS r (fingerprint, system, namespace, door, source, event_id, type, code, errors, body, place)
ORDER BY r.place
ON CONFLICT (fingerprint) DO UPDATE SET seen = q.seen + 1, last_seen_at = excluded.last_seen_at
