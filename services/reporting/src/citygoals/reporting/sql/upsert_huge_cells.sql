-- The same for numbers beyond 64 bits.
INSERT INTO cell (series, start, numerator, denominator, events)
SELECT * FROM unnest($1::integer[], $2::integer[], $3::numeric[], $4::numeric[], $5::bigint[])
ON CONFLICT (series, start) DO UPDATE
SET numerator = excluded.numerator, denominator = excluded.denominator, events = excluded.events
