-- migrate:up

-- What a publication pinned, kept whole: it stays when its position is past the retention. `followed` is the position up to
-- which restatements are known. Both follow from history, so a read model made anew makes them anew.
CREATE TABLE report (
    publication text PRIMARY KEY,
    position bigint NOT NULL,
    followed bigint NOT NULL CHECK (followed >= position),
    published json NOT NULL
);

-- What each later position changed in a figure of a publication: the figure before and after, and the difference of its
-- integers (nothing counts as zero), so that a published figure and the sum of these are the figure as now known.
CREATE TABLE restatement (
    publication text NOT NULL,
    position bigint NOT NULL,
    kpi text NOT NULL,
    recorded_at timestamptz NOT NULL,
    kind text NOT NULL CHECK (kind IN ('data', 'definition', 'clock')),
    numerator numeric NOT NULL,
    denominator numeric NOT NULL,
    before json,
    after json,
    PRIMARY KEY (publication, position, kpi)
);
CREATE INDEX restatement_kpi ON restatement (publication, kpi, position);
