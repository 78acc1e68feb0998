-- What was handled under this id, whichever source it came from.
SELECT source, id, type, topic, is_backfill, is_redefined, facets, handled_at FROM news
WHERE id = $1 AND ($2::text IS NULL OR source = $2)
ORDER BY handled_at
LIMIT $3
