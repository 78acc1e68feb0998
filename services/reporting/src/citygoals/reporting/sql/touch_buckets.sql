-- Note which buckets of a checkpoint are out of date; each column is the text of an array.
INSERT INTO touched (dimension, days, bucket, position)
SELECT * FROM unnest($1::text::text[], $2::text::boolean[], $3::text::integer[], $4::text::bigint[])
ON CONFLICT (dimension, days, bucket) DO UPDATE SET position = excluded.position
