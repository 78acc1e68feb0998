-- Take up to $1 due notices for sending until $3; also those whose last sender died with its claim.
UPDATE notice AS n
SET state = 'sending', claims = n.claims + 1, due_at = $3
FROM letter AS l
WHERE n.id IN (
    SELECT due.id FROM notice AS due
    WHERE due.finished_at IS NULL AND due.due_at <= $2
    ORDER BY due.due_at
    LIMIT $1
    FOR UPDATE SKIP LOCKED
)
AND (l.event_key, l.template, l.language) = (n.event_key, n.template, n.language)
RETURNING n.id, n.token, n.recipient, n.language, n.claims, n.attempts, n.created_at, l.subject, l.body_text, l.body_html
