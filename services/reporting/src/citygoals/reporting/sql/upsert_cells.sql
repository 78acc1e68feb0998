-- Cells are absolute: writing the same position twice changes nothing. The writer sorts them by key.
INSERT INTO cell (series, start, numerator, denominator, events)
SELECT * FROM unnest($1::integer[], $2::integer[], $3::bigint[], $4::bigint[], $5::bigint[])
ON CONFLICT (series, start) DO UPDATE
SET numerator = excluded.numerator, denominator = excluded.denominator, events = excluded.events
