-- The last drafts of a catalogue before one, the latest first.
SELECT d.id, d.kind, d.data, d.activate, d.state, d.asked_at, d.ended_at, d.position, d.error, d.attempts, d.since,
    p.entries, p.position AS computed
FROM draft d LEFT JOIN draft_progress p ON p.draft = d.id WHERE d.kind = 'catalogue' AND d.id < $1
ORDER BY d.id DESC LIMIT $2
