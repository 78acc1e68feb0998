-- The bus has acknowledged these.
UPDATE notice SET announced_at = $2 WHERE id = ANY ($1::uuid[])
