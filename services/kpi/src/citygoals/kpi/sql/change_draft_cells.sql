-- As change_cells, of a draft.
INSERT INTO draft_cell AS c (draft, kpi, grain, start, dimension, member, numerator, denominator, events)
SELECT $1, changed.* FROM unnest(
    $2::text::text[], $3::text::smallint[], $4::text::date[], $5::text::smallint[], $6::text::text[],
    $7::text::numeric[], $8::text::numeric[], $9::text::bigint[]
) AS changed
ON CONFLICT (draft, kpi, grain, start, dimension, member) DO UPDATE SET
    numerator = c.numerator + excluded.numerator,
    denominator = c.denominator + excluded.denominator,
    events = c.events + excluded.events
