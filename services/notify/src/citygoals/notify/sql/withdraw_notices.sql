-- What waits for a mailbox that has just left is not sent; what a sender holds at this moment still may be.
UPDATE notice SET state = 'failed-permanent', finished_at = $3, due_at = $3, reason = $4
WHERE lower(recipient) = $1 AND template = $2 AND finished_at IS NULL AND state <> 'sending'
