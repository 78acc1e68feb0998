-- What was handled; a redelivery finds it there.
INSERT INTO news (key, source, id, type, topic, is_backfill, facets, handled_at)
VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8)
ON CONFLICT (key) DO NOTHING
