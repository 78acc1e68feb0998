-- The oldest position that can still be read exactly: the first remembered, or the checkpoint just before it.
SELECT position, recorded_at FROM (
    (SELECT position, recorded_at FROM history ORDER BY position LIMIT 1)
    UNION ALL
    (SELECT position, recorded_at FROM checkpoint ORDER BY position LIMIT 1)
) known ORDER BY position LIMIT 1
