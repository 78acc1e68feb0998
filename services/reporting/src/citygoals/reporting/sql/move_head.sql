-- Everything before this position is applied once this commits.
INSERT INTO head (position, recorded_at, tick, lanes, totals)
VALUES ($1, $2, $3, $4::text::jsonb, $5::text::jsonb)
ON CONFLICT (is_only) DO UPDATE
SET position = excluded.position, recorded_at = excluded.recorded_at, tick = excluded.tick,
    lanes = excluded.lanes, totals = excluded.totals
