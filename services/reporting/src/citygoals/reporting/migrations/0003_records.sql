-- migrate:up

-- Commitments, narratives and publications that changed at the position: {"commitments": [...], ...}, only the changed ones.
ALTER TABLE definition ADD COLUMN records jsonb;
