-- The newest checkpoint recorded at or before the retention's edge, and not after a position that is still needed (null:
-- none is); everything before it may go.
SELECT max(position) AS position FROM checkpoint WHERE recorded_at <= $1 AND position <= coalesce($2::bigint, position)
