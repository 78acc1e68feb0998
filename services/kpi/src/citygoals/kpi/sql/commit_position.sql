-- All that a position changes besides the ledger and the cells, in one round trip.
WITH moved AS (
    UPDATE applier SET position = $1, recorded_at = $2, tick = $3, events_total = $4
), lanes AS (
    INSERT INTO lane (lane, next_seq) SELECT * FROM unnest($5::integer[], $6::bigint[])
    ON CONFLICT (lane) DO UPDATE SET next_seq = excluded.next_seq
), totals AS (
    INSERT INTO total (type, events) SELECT * FROM unnest($7::text[], $8::bigint[])
    ON CONFLICT (type) DO UPDATE SET events = excluded.events
)
INSERT INTO outbox (position, ordinal, subject, msg_id, body, traces)
SELECT $1, ordinal, subject, msg_id, body, CASE WHEN ordinal = 1 THEN $12::text[] ELSE '{}' END
FROM unnest($9::text[], $10::text[], $11::bytea[]) WITH ORDINALITY AS message (subject, msg_id, body, ordinal)
