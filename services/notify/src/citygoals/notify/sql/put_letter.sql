-- One rendering; the first one stays.
INSERT INTO letter (event_key, template, language, subject, body_text, body_html)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (event_key, template, language) DO NOTHING
