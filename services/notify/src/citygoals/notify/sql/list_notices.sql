-- One page, newest first, after ($2, $3) where given; $4 and $5 narrow by state and template where given.
SELECT n.id, n.template, n.language, n.recipient, n.subscription, n.channel, n.state, n.attempts, n.reason,
    n.due_at, n.created_at, n.finished_at, e.source, e.id AS event_id, e.type AS event_type, l.subject, l.body_text, n.token
FROM notice AS n
JOIN news AS e ON e.key = n.event_key
JOIN letter AS l ON (l.event_key, l.template, l.language) = (n.event_key, n.template, n.language)
WHERE ($2::timestamptz IS NULL OR (n.created_at, n.id) < ($2, $3::uuid))
    AND ($4::text IS NULL OR n.state = $4)
    AND ($5::text IS NULL OR n.template = $5)
ORDER BY n.created_at DESC, n.id DESC
LIMIT $1
