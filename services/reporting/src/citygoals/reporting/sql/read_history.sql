-- What each of a half-open run of positions changed city-wide, in order.
SELECT position, recorded_at, tick, totals::text AS totals, city
FROM history WHERE position > $1 AND position <= $2 ORDER BY position
