-- migrate:up
-- What was refused, and why. The fingerprint makes a repeated refusal the same row: repeating a batch changes nothing.
CREATE TABLE quarantine (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fingerprint  bytea NOT NULL UNIQUE,
    recorded_at  timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    seen         bigint NOT NULL DEFAULT 1,
    system       text NOT NULL,
    namespace    text NOT NULL,
    door         text NOT NULL CHECK (door IN ('http', 'nats', 'raw')),
    source       text,
    event_id     text,
    type         text,
    code         text NOT NULL,
    errors       jsonb NOT NULL,
    body         bytea,
    published_at timestamptz,
    replayed_at  timestamptz
);
CREATE INDEX quarantine_system ON quarantine (system, id);
CREATE INDEX quarantine_unpublished ON quarantine (id) WHERE published_at IS NULL;
CREATE INDEX quarantine_last_seen ON quarantine (last_seen_at);
