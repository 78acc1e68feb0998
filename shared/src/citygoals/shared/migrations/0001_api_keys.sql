-- migrate:up
-- Keys are 256 random bits, so a fast hash keeps them as well as a slow one, and cannot be used to tire the server.
CREATE TABLE access.api_key (
    prefix     text PRIMARY KEY,
    role       text NOT NULL CHECK (role IN ('publisher', 'analyst', 'staff', 'admin')),
    system     text CHECK ((role = 'publisher') = (system IS NOT NULL)),
    namespace  text,
    hash       bytea NOT NULL CHECK (octet_length(hash) = 32),
    label      text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);
