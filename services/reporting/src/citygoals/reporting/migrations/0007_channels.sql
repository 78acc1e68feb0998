-- migrate:up

-- Cells by channel, beside those by department and district; before this there were none.
ALTER TABLE history ADD COLUMN channel bytea NOT NULL DEFAULT '';
ALTER TABLE history ALTER COLUMN channel SET STORAGE EXTERNAL;
ALTER TABLE run ADD COLUMN channel bytea NOT NULL DEFAULT '';
ALTER TABLE run ALTER COLUMN channel SET STORAGE EXTERNAL;
