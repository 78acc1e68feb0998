-- migrate:up

-- Duties are definitions too: what departments must report, commit to and write for meetings.
ALTER TABLE definition ADD COLUMN duties jsonb;
