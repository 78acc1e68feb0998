-- This mailbox may be told of this topic again.
DELETE FROM unsubscribed WHERE mailbox = $1 AND topic = $2
