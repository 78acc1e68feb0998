-- migrate:up
-- What KPIs are to count from some position on: asked for, computed beside the stream, then switched on or given up.
-- A catalogue is as its entry will hold it; a rebuild has none and counts anew what holds.
CREATE TABLE draft (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind     text NOT NULL CHECK (kind IN ('catalogue', 'rebuild')),
    data     bytea NOT NULL,
    activate boolean NOT NULL,
    state    text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'applied', 'unchanged', 'discarded', 'failed')),
    asked_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    position bigint,
    error    text
);
CREATE INDEX draft_open ON draft (id) WHERE state = 'open';

-- How far each draft is, and its inactive cells. All of it follows from the ledger, so none of it is worth the disk's
-- time: after a crash of the server the three are empty together, and the draft is begun again. `fact` is the last one
-- taken in of those up to position `until`; once all are, everything up to `position` is.
CREATE UNLOGGED TABLE draft_progress (
    draft    bigint PRIMARY KEY,
    counts   text NOT NULL,
    until    bigint NOT NULL,
    fact     uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    position bigint NOT NULL DEFAULT 0,
    entries  bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE UNLOGGED TABLE draft_cell (
    draft       bigint NOT NULL,
    kpi         text COLLATE "C" NOT NULL,
    grain       smallint NOT NULL,
    start       date NOT NULL,
    dimension   smallint NOT NULL,
    member      text COLLATE "C" NOT NULL,
    numerator   numeric NOT NULL,
    denominator numeric NOT NULL,
    events      bigint NOT NULL,
    PRIMARY KEY (draft, kpi, grain, start, dimension, member)
) WITH (fillfactor = 70);

CREATE UNLOGGED TABLE draft_key_count (
    draft     bigint NOT NULL,
    kpi       text COLLATE "C" NOT NULL,
    grain     smallint NOT NULL,
    start     date NOT NULL,
    dimension smallint NOT NULL,
    member    text COLLATE "C" NOT NULL,
    key       uuid NOT NULL,
    items     bigint NOT NULL,
    PRIMARY KEY (draft, kpi, grain, start, dimension, member, key)
) WITH (fillfactor = 70);
