-- The channel has it. An overtaken sender may say so too, for then it is true as well.
UPDATE notice
SET state = 'sent', attempts = attempts + 1, finished_at = $2, due_at = $2, reason = NULL
WHERE id = $1 AND finished_at IS NULL
RETURNING id
