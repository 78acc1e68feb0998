-- What a half-open run of positions changed, in order; the sliced cells only where they are asked for.
SELECT position, recorded_at, tick, totals::text AS totals, city, CASE WHEN $3 THEN slices END AS slices
FROM history WHERE position > $1 AND position <= $2 ORDER BY position
