SELECT type, revision, json_schema, description, created_at, updated_at FROM event_type ORDER BY type
