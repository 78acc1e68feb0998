SELECT position, ordinal, subject, msg_id, body, traces FROM outbox
WHERE (position, ordinal) > ($1, $2) ORDER BY position, ordinal LIMIT $3
