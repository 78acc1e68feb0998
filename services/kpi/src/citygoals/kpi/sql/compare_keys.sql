-- Where a draft's counts of keys differ from the active ones of the KPIs.
SELECT kpi, grain, start, dimension, member, key, c.items AS stored, d.items AS items, count(*) OVER () AS differences
FROM (SELECT * FROM draft_key_count WHERE draft = $1 AND items <> 0) AS d
FULL JOIN (SELECT * FROM key_count WHERE kpi = ANY ($2::text[]) AND items <> 0) AS c
    USING (kpi, grain, start, dimension, member, key)
WHERE d.items IS DISTINCT FROM c.items
ORDER BY kpi, grain, start, dimension, member, key LIMIT $3
