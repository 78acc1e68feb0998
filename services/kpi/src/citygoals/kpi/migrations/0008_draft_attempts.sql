-- migrate:up
-- `attempts` broke off since the draft last got on; `attempted_by` is the process that works on it now, or died at it.
-- `since` is the position from which on others do not wait for the draft: what they have changed since then stays.
ALTER TABLE draft
    ADD COLUMN attempts integer NOT NULL DEFAULT 0,
    ADD COLUMN attempted_by uuid,
    ADD COLUMN since bigint;
