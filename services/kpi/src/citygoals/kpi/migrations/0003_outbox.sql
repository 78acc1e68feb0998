-- migrate:up
-- What each position announced, in order: first the parts of its changeset, then its crossings. Kept for ever: it is
-- the archive from which reporting can start from nothing.
CREATE TABLE outbox (
    position bigint NOT NULL,
    ordinal  integer NOT NULL,
    subject  text NOT NULL,
    msg_id   text NOT NULL,
    body     bytea NOT NULL,
    traces   text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (position, ordinal)
);
-- Changesets are read again only to fill a gap; packing them in the applier's transaction would slow every commit.
ALTER TABLE outbox ALTER COLUMN body SET STORAGE EXTERNAL;

-- What the relay has published last. Moved lazily: what is published twice is recognised by its id.
CREATE TABLE relay_cursor (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL DEFAULT 0,
    ordinal  integer NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
INSERT INTO relay_cursor DEFAULT VALUES;
