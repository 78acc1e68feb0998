-- Sorted by the caller; each column is the text of an array. Every change comes back as the count is afterwards.
INSERT INTO key_count AS k (kpi, grain, start, dimension, member, key, items)
SELECT * FROM unnest(
    $1::text::text[], $2::text::smallint[], $3::text::date[], $4::text::smallint[], $5::text::text[],
    $6::text::uuid[], $7::text::bigint[]
)
ON CONFLICT (kpi, grain, start, dimension, member, key) DO UPDATE SET items = k.items + excluded.items
RETURNING kpi, grain, start, dimension, member, key, items
