-- The notices of one event, template and language; those that exist are left alone. Returns one row for each new one.
INSERT INTO notice (key, event_key, template, language, channel, due_at, created_at, recipient, subscription)
SELECT told.key, $1, $2, $3, $4, $5, $5, told.recipient, told.subscription
FROM unnest($6::uuid[], $7::text[], $8::text[]) AS told (key, recipient, subscription)
ON CONFLICT (key) DO NOTHING
RETURNING id
