-- migrate:up
-- The city's own types. Writers take a table lock, so revisions commit in order and a reader that has seen the highest
-- has seen all.
CREATE TABLE event_type (
    type        text PRIMARY KEY,
    revision    bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    json_schema text NOT NULL,
    description text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
