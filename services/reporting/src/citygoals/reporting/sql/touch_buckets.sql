-- Note which buckets of a checkpoint are out of date.
INSERT INTO touched (dimension, days, bucket, position)
SELECT * FROM unnest($1::text[], $2::boolean[], $3::integer[], $4::bigint[])
ON CONFLICT (dimension, days, bucket) DO UPDATE SET position = excluded.position
