-- For a few entries: one round trip, where COPY takes two.
INSERT INTO ledger (lane, seq, position, key, fact, type, occurred_at, body)
SELECT * FROM unnest(
    $1::integer[], $2::bigint[], $3::bigint[], $4::uuid[], $5::uuid[], $6::text[], $7::timestamptz[], $8::bytea[]
)
