-- A checkpoint of the snapshot that this transaction reads.
INSERT INTO checkpoint (position, recorded_at, tick, totals)
SELECT position, recorded_at, tick, totals FROM head
ON CONFLICT DO NOTHING
