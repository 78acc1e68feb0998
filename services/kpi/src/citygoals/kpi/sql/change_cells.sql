-- Sorted by the caller; each column is the text of an array. Every change comes back as the cell is afterwards.
INSERT INTO cell AS c (kpi, grain, start, dimension, member, numerator, denominator, events)
SELECT * FROM unnest(
    $1::text::text[], $2::text::smallint[], $3::text::date[], $4::text::smallint[], $5::text::text[],
    $6::text::numeric[], $7::text::numeric[], $8::text::bigint[]
)
ON CONFLICT (kpi, grain, start, dimension, member) DO UPDATE SET
    numerator = c.numerator + excluded.numerator,
    denominator = c.denominator + excluded.denominator,
    events = c.events + excluded.events
RETURNING kpi, grain, start, dimension, member, numerator::text, denominator::text, events
