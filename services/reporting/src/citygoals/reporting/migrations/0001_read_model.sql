-- migrate:up

-- Where the projection is: one row, moved in the transaction that applies. Absent until the first position.
CREATE TABLE head (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    position bigint NOT NULL CHECK (position > 0),
    recorded_at timestamptz NOT NULL,
    tick timestamptz NOT NULL,
    lanes jsonb NOT NULL,
    totals jsonb NOT NULL
);

-- The address of a run of cells, given a short number because cells and history mention it very often.
CREATE TABLE series (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kpi text NOT NULL,
    grain text NOT NULL,
    dimension text NOT NULL,
    member text NOT NULL,
    UNIQUE (kpi, grain, dimension, member)
);
CREATE INDEX series_slice ON series (dimension, grain, member);

-- Days are counted as Python's date.toordinal() counts them: 1 is 0001-01-01, the start of the grain `all`, which as a
-- date would become minus infinity on its way through the driver. As a date: date '0001-01-01' + start - 1.

-- The present cells. No foreign key to series: the projection writes both in one transaction, and the check would cost
-- as much as the row. Only unindexed columns change, so with room on the page an update moves no index entry.
CREATE TABLE cell (
    series integer NOT NULL,
    start integer NOT NULL,
    numerator numeric NOT NULL,
    denominator numeric NOT NULL,
    events bigint NOT NULL,
    PRIMARY KEY (series, start)
) WITH (fillfactor = 75, autovacuum_vacuum_scale_factor = 0.05);

-- One row for each position: each dimension's cells apart, because a question is about one of them and should not have to
-- read the rest. Bodies are compressed by the writer.
CREATE TABLE history (
    position bigint PRIMARY KEY,
    recorded_at timestamptz NOT NULL,
    tick timestamptz NOT NULL,
    totals jsonb,                      -- only where they changed, and then only the types that did
    city bytea NOT NULL,
    department bytea NOT NULL,
    district bytea NOT NULL
);
ALTER TABLE history ALTER COLUMN city SET STORAGE EXTERNAL;
ALTER TABLE history ALTER COLUMN department SET STORAGE EXTERNAL;
ALTER TABLE history ALTER COLUMN district SET STORAGE EXTERNAL;
CREATE INDEX history_recorded ON history (recorded_at, position);

-- Runs of positions, merged in the background: the last value of each cell that changed in the run that ends here. They
-- make a replay a few dozen rows long; the positions themselves stay.
CREATE TABLE run (
    last bigint PRIMARY KEY,
    totals jsonb,
    city bytea NOT NULL,
    department bytea NOT NULL,
    district bytea NOT NULL
);
ALTER TABLE run ALTER COLUMN city SET STORAGE EXTERNAL;
ALTER TABLE run ALTER COLUMN department SET STORAGE EXTERNAL;
ALTER TABLE run ALTER COLUMN district SET STORAGE EXTERNAL;

-- What the plan, the KPIs and the departments became, at the positions where they changed; null is unchanged.
CREATE TABLE definition (
    position bigint PRIMARY KEY,
    plan jsonb,
    kpis jsonb,
    departments jsonb
);

-- A checkpoint is a set of chunks: for each bucket, the newest chunk at or before it. A chunk holds the cells of one
-- dimension that start in one month (days) or one year (longer grains); an untouched one is not written again.
CREATE TABLE checkpoint (
    position bigint PRIMARY KEY,
    recorded_at timestamptz NOT NULL,
    tick timestamptz NOT NULL,
    totals jsonb NOT NULL
);
CREATE TABLE chunk (
    dimension text NOT NULL,
    days boolean NOT NULL,
    bucket integer NOT NULL,
    position bigint NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (dimension, days, bucket, position)
);
ALTER TABLE chunk ALTER COLUMN body SET STORAGE EXTERNAL;

-- The last position that touched each bucket, so that a checkpoint knows which chunks to write.
CREATE TABLE touched (
    dimension text NOT NULL,
    days boolean NOT NULL,
    bucket integer NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (dimension, days, bucket)
) WITH (fillfactor = 50);
