-- Sent notices that the bus does not know of yet, oldest first.
SELECT n.id, n.template, n.language, n.channel, n.attempts, n.finished_at, e.source, e.id AS event_id, e.type AS event_type
FROM notice AS n JOIN news AS e ON e.key = n.event_key
WHERE n.state = 'sent' AND n.announced_at IS NULL
ORDER BY n.finished_at, n.id
LIMIT $1
