-- What each position changed, for the past and for resuming readers.
INSERT INTO history (position, recorded_at, tick, totals, city, department, district, channel)
SELECT position, recorded_at, tick, totals::jsonb, city, department, district, channel
FROM unnest(
    $1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::text[], $5::bytea[], $6::bytea[], $7::bytea[], $8::bytea[]
)   AS new (position, recorded_at, tick, totals, city, department, district, channel)
