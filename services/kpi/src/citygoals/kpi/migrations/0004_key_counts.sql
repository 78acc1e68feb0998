-- migrate:up
-- How many items of a cell have the same key, for KPIs that count different things: a key is there while anything has
-- it, so that the last one to go takes it along. `key` is a hash; what it is of stays in the ledger.
CREATE TABLE key_count (
    kpi       text COLLATE "C" NOT NULL,
    grain     smallint NOT NULL,
    start     date NOT NULL,
    dimension smallint NOT NULL,
    member    text COLLATE "C" NOT NULL,
    key       uuid NOT NULL,
    items     bigint NOT NULL,
    PRIMARY KEY (kpi, grain, start, dimension, member, key)
) WITH (fillfactor = 70);
