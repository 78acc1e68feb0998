-- migrate:up
-- grain is a place in citygoals.shared.period.GRAINS, dimension one in (city, department, district).
-- numeric, because a sum of amounts must not overflow. Half of each page stays free, so that updates stay on it.
CREATE TABLE cell (
    kpi         text COLLATE "C" NOT NULL,
    grain       smallint NOT NULL,
    start       date NOT NULL,
    dimension   smallint NOT NULL,
    member      text COLLATE "C" NOT NULL,
    numerator   numeric NOT NULL,
    denominator numeric NOT NULL,
    events      bigint NOT NULL,
    PRIMARY KEY (kpi, grain, start, dimension, member)
) WITH (fillfactor = 50);
