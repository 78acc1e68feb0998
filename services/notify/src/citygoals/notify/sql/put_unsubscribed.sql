-- From now on this mailbox is told nothing of this topic; the first time stays.
INSERT INTO unsubscribed (mailbox, topic, since) VALUES ($1, $2, $3) ON CONFLICT (mailbox, topic) DO NOTHING
