-- What was handled; a redelivery finds it there.
INSERT INTO news (key, source, id, type, topic, is_backfill, is_redefined, facets, handled_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9)
ON CONFLICT (key) DO NOTHING
