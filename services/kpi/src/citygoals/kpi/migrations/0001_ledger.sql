-- migrate:up
-- Every entry, once, for ever. `body` is exactly what intake admitted; everything else can be computed from it.
-- A fact is read as its entries, so nothing stores the state of one.
CREATE TABLE ledger (
    lane        integer NOT NULL CHECK (lane >= 0),
    seq         bigint NOT NULL,
    position    bigint NOT NULL,
    key         uuid NOT NULL,
    fact        uuid NOT NULL,
    type        text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    body        bytea NOT NULL,
    PRIMARY KEY (lane, seq)
);
CREATE UNIQUE INDEX ledger_key ON ledger (key);
CREATE INDEX ledger_fact ON ledger (fact);
-- For lineage, page by page in the order in which things happened.
CREATE INDEX ledger_type_time ON ledger (type, occurred_at);

-- The one row that every commit of the applier locks first. The epoch rises with each new leader; one that was paused
-- past its tenure finds another epoch here and commits nothing.
CREATE TABLE applier (
    only_row     boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch        bigint NOT NULL DEFAULT 0,
    position     bigint NOT NULL DEFAULT 0,
    recorded_at  timestamptz,
    tick         timestamptz,
    events_total bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
INSERT INTO applier DEFAULT VALUES;

-- The next number expected of each lane of intake's journal, and of lane 0, which is kpi's own.
CREATE TABLE lane (
    lane     integer PRIMARY KEY CHECK (lane >= 0),
    next_seq bigint NOT NULL
) WITH (fillfactor = 50);

-- How many events of each type the ledger has; lane 0 is not counted.
CREATE TABLE total (
    type   text COLLATE "C" PRIMARY KEY,
    events bigint NOT NULL
) WITH (fillfactor = 50);

-- Entries that could not be read. They hold their place in the lane, so the lane can go on.
CREATE TABLE unreadable (
    lane       integer NOT NULL,
    seq        bigint NOT NULL,
    reason     text NOT NULL,
    refused_at timestamptz NOT NULL,
    PRIMARY KEY (lane, seq)
);
