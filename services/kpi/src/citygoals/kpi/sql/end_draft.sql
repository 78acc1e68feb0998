-- Others no longer wait for a draft that failed: what they change from here on is not its to bring back, if tried again.
UPDATE draft SET state = $2, position = $3, ended_at = now(), attempted_by = NULL,
    error = CASE WHEN $2 = 'discarded' THEN error ELSE $4 END,
    since = CASE WHEN $2 = 'failed' THEN coalesce(since, (SELECT position FROM applier)) ELSE since END
WHERE id = $1 AND (state = 'open' OR (state = 'failed' AND $2 = 'discarded')) RETURNING id
