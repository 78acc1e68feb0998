-- One page by mailbox and topic, after ($2, $3) where given.
SELECT mailbox, topic, since FROM unsubscribed
WHERE $2::text IS NULL OR (mailbox, topic) > ($2, $3::text)
ORDER BY mailbox, topic
LIMIT $1
