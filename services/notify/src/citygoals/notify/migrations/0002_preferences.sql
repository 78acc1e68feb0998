-- migrate:up

-- Whether the status changed because a target, a measure or the plan did: that is no news of the city.
ALTER TABLE news ADD COLUMN is_redefined boolean NOT NULL DEFAULT false;

-- What a recipient shows in order to unsubscribe. Random, unlike `id` never published, and the same at every attempt.
ALTER TABLE notice ADD COLUMN token uuid NOT NULL UNIQUE DEFAULT gen_random_uuid();

-- Who does not want to be told of what any more, whatever the subscriptions file says.
CREATE TABLE unsubscribed (
    mailbox text NOT NULL,             -- the address in lower case
    topic text NOT NULL CHECK (topic IN ('crossing', 'closing')),
    since timestamptz NOT NULL,
    PRIMARY KEY (mailbox, topic)
);
