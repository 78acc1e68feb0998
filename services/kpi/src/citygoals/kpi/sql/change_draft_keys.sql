-- As change_key_counts, of a draft.
INSERT INTO draft_key_count AS k (draft, kpi, grain, start, dimension, member, key, items)
SELECT $1, changed.* FROM unnest(
    $2::text::text[], $3::text::smallint[], $4::text::date[], $5::text::smallint[], $6::text::text[],
    $7::text::uuid[], $8::text::bigint[]
) AS changed
ON CONFLICT (draft, kpi, grain, start, dimension, member, key) DO UPDATE SET items = k.items + excluded.items
RETURNING kpi, grain, start, dimension, member, key, items
