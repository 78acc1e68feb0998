-- A checkpoint's chunks of one dimension and kind in a closed run of buckets: for each, where the newest at or before it is.
SELECT t.bucket, c.position
FROM touched t
CROSS JOIN LATERAL (
    SELECT k.position FROM chunk k
    WHERE k.dimension = t.dimension AND k.days = t.days AND k.bucket = t.bucket AND k.position <= $3
    ORDER BY k.position DESC LIMIT 1
) c
WHERE t.dimension = $1 AND t.days = $2 AND t.bucket BETWEEN $4 AND $5
ORDER BY t.bucket DESC
