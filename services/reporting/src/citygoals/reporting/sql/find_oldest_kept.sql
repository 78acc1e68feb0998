-- The newest checkpoint recorded at or before the retention's edge; everything before it may go.
SELECT max(position) AS position FROM checkpoint WHERE recorded_at <= $1
