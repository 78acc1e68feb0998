-- migrate:up

-- What notify was told of and acted on: the facts that an explanation needs, never the whole event.
CREATE TABLE news (
    key uuid PRIMARY KEY,              -- of (source, id), as everywhere in the city
    source text NOT NULL,
    id text NOT NULL,
    type text NOT NULL,
    topic text NOT NULL CHECK (topic IN ('crossing', 'closing')),
    is_backfill boolean NOT NULL,
    facets jsonb NOT NULL,
    handled_at timestamptz NOT NULL
);

-- One rendering for all its recipients, kept as first written: a repeated delivery must send the same bytes.
CREATE TABLE letter (
    event_key uuid NOT NULL REFERENCES news (key),
    template text NOT NULL,
    language text NOT NULL CHECK (language IN ('en', 'es')),
    subject text NOT NULL,
    body_text text NOT NULL,
    body_html text NOT NULL,
    PRIMARY KEY (event_key, template, language)
);

CREATE TABLE notice (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),  -- public: says nothing about the recipient
    key uuid NOT NULL UNIQUE,                       -- of (event, recipient, template): told once, whatever is redelivered
    event_key uuid NOT NULL,
    template text NOT NULL,
    language text NOT NULL,
    recipient text NOT NULL,
    subscription text NOT NULL,
    channel text NOT NULL,
    state text NOT NULL DEFAULT 'created'
        CHECK (state IN ('created', 'sending', 'sent', 'failed-temporary', 'failed-permanent')),
    claims integer NOT NULL DEFAULT 0,              -- fences a sender that was overtaken
    attempts integer NOT NULL DEFAULT 0,            -- attempts that the channel answered
    due_at timestamptz NOT NULL,                    -- next attempt; while sending: when the claim lapses
    reason text,                                    -- of the last failure
    created_at timestamptz NOT NULL,
    finished_at timestamptz,
    announced_at timestamptz,
    FOREIGN KEY (event_key, template, language) REFERENCES letter (event_key, template, language),
    CHECK ((state IN ('sent', 'failed-permanent')) = (finished_at IS NOT NULL))
);

CREATE INDEX notice_due ON notice (due_at) WHERE finished_at IS NULL;
CREATE INDEX notice_unannounced ON notice (finished_at, id) WHERE state = 'sent' AND announced_at IS NULL;
CREATE INDEX notice_newest ON notice (created_at DESC, id DESC);
CREATE INDEX news_id ON news (id);

-- The last line of defence for "a terminal state never regresses", whoever writes.
CREATE FUNCTION notice_stays_finished() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> OLD.state THEN
        RAISE EXCEPTION 'notice % is %, it cannot become %', OLD.id, OLD.state, NEW.state USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER notice_stays_finished BEFORE UPDATE ON notice
    FOR EACH ROW WHEN (OLD.finished_at IS NOT NULL) EXECUTE FUNCTION notice_stays_finished();
