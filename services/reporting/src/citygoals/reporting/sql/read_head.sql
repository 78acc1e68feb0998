-- Where the projection is.
SELECT position, recorded_at, tick, lanes::text AS lanes, totals::text AS totals FROM head
