-- Keep what a publication pinned; another process may have done so.
INSERT INTO report (publication, position, followed, published) VALUES ($1, $2, $2, $3::text::json)
ON CONFLICT (publication) DO NOTHING
