-- Another process that still has its name on the draft has died at it: whoever lives lets go.
UPDATE draft SET
    attempts = attempts + CASE WHEN attempted_by <> $2 THEN 1 ELSE 0 END,
    error = CASE WHEN attempted_by <> $2 THEN 'kpi died while it worked on this; its log may say why' ELSE error END,
    attempted_by = $2
WHERE id = $1 AND state = 'open' RETURNING attempts, error
