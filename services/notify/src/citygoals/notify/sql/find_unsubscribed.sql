-- Which of these mailboxes do not want this topic.
SELECT mailbox FROM unsubscribed WHERE topic = $1 AND mailbox = ANY ($2::text[])
