INSERT INTO event_type (type, json_schema, description) VALUES ($1, $2, $3)
ON CONFLICT (type) DO UPDATE SET
    revision = DEFAULT, json_schema = excluded.json_schema, description = excluded.description, updated_at = now()
RETURNING type, revision, json_schema, description, created_at, updated_at
