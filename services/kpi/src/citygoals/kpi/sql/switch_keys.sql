-- A draft's counts of keys in the place of the active ones.
INSERT INTO key_count (kpi, grain, start, dimension, member, key, items)
SELECT kpi, grain, start, dimension, member, key, coalesce(d.items, 0)
FROM (SELECT * FROM draft_key_count WHERE draft = $1) AS d
FULL JOIN (SELECT * FROM key_count WHERE kpi = ANY ($2::text[])) AS c USING (kpi, grain, start, dimension, member, key)
WHERE coalesce(d.items, 0) <> coalesce(c.items, 0)
ORDER BY kpi, grain, start, dimension, member, key
ON CONFLICT (kpi, grain, start, dimension, member, key) DO UPDATE SET items = excluded.items
