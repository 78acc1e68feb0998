-- One chunk of a checkpoint.
INSERT INTO chunk (dimension, days, bucket, position, body) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
