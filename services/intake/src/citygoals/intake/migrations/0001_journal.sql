-- migrate:up
-- A lane is a numbered sequence with one writer at a time. The writer holds the lease; the epoch fences it: every
-- statement of a writer names its epoch, so one that was paused past its lease can commit nothing.
CREATE TABLE lane (
    lane         integer PRIMARY KEY CHECK (lane > 0),
    epoch        bigint NOT NULL,
    next_seq     bigint NOT NULL DEFAULT 1,
    holder       text NOT NULL,
    leased_until timestamptz NOT NULL
) WITH (fillfactor = 50);

-- Apart from the lane, so that moving the cursor never waits for a commit of the writer.
CREATE TABLE relay_cursor (
    lane     integer PRIMARY KEY REFERENCES lane,
    epoch    bigint NOT NULL,
    next_seq bigint NOT NULL DEFAULT 1
) WITH (fillfactor = 50);

-- Every admitted event, once: the record from which anything downstream can be sent again.
CREATE TABLE journal (
    lane        integer NOT NULL,
    seq         bigint NOT NULL,
    key         uuid NOT NULL,
    digest      bytea NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    body        bytea NOT NULL,
    PRIMARY KEY (lane, seq)
);
CREATE UNIQUE INDEX journal_key ON journal (key);

-- By lane as well, so that two writers never wait for each other's counts.
CREATE TABLE tally (
    lane       integer NOT NULL,
    system     text NOT NULL,
    accepted   bigint NOT NULL DEFAULT 0,
    duplicates bigint NOT NULL DEFAULT 0,
    rejected   bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (lane, system)
) WITH (fillfactor = 50);
