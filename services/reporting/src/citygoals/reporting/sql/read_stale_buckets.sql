-- The buckets that changed after the last checkpoint.
SELECT dimension, days, bucket FROM touched
WHERE position > coalesce((SELECT max(position) FROM checkpoint), 0)
ORDER BY dimension, days, bucket
