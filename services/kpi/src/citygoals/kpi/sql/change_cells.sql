-- Sorted by the caller. Every change comes back as the cell is afterwards.
INSERT INTO cell AS c (kpi, grain, start, dimension, member, numerator, denominator, events)
SELECT * FROM unnest(
    $1::text[], $2::smallint[], $3::date[], $4::smallint[], $5::text[], $6::numeric[], $7::numeric[], $8::bigint[]
)
ON CONFLICT (kpi, grain, start, dimension, member) DO UPDATE SET
    numerator = c.numerator + excluded.numerator,
    denominator = c.denominator + excluded.denominator,
    events = c.events + excluded.events
RETURNING kpi, grain, start, dimension, member, numerator, denominator, events
