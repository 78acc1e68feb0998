-- migrate:up

-- People are told of duties as well: what departments must do, and until when.
ALTER TABLE news DROP CONSTRAINT news_topic_check,
    ADD CONSTRAINT news_topic_check CHECK (topic IN ('crossing', 'closing', 'duty'));
ALTER TABLE unsubscribed DROP CONSTRAINT unsubscribed_topic_check,
    ADD CONSTRAINT unsubscribed_topic_check CHECK (topic IN ('crossing', 'closing', 'duty'));
