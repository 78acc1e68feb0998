SELECT d.id, d.kind, d.data, d.activate, d.state, d.asked_at, d.ended_at, d.position, d.error, d.attempts, d.since,
    p.entries, p.position AS computed
FROM draft d LEFT JOIN draft_progress p ON p.draft = d.id WHERE d.id = $1
