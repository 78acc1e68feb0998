-- Forget chunks that no kept checkpoint reads: older than another one of their bucket at or before the oldest kept.
DELETE FROM chunk c
WHERE c.position < $1 AND EXISTS (
    SELECT FROM chunk newer
    WHERE newer.dimension = c.dimension AND newer.days = c.days AND newer.bucket = c.bucket
      AND newer.position > c.position AND newer.position <= $1
)
