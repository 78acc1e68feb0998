-- The newest position recorded at or before an instant.
SELECT position, recorded_at, tick FROM (
    (SELECT position, recorded_at, tick FROM history WHERE recorded_at <= $1
     ORDER BY recorded_at DESC, position DESC LIMIT 1)
    UNION ALL
    (SELECT position, recorded_at, tick FROM checkpoint WHERE recorded_at <= $1
     ORDER BY position DESC LIMIT 1)
) known ORDER BY position DESC LIMIT 1
