-- Cells are absolute: writing the same position twice changes nothing. The writer sorts them by key; each column is the
-- text of an array.
INSERT INTO cell (series, start, numerator, denominator, events)
SELECT * FROM unnest(
    $1::text::integer[], $2::text::integer[], $3::text::numeric[], $4::text::numeric[], $5::text::bigint[]
)
ON CONFLICT (series, start) DO UPDATE
SET numerator = excluded.numerator, denominator = excluded.denominator, events = excluded.events
