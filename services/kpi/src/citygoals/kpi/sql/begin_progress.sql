INSERT INTO draft_progress (draft, counts, until) VALUES ($1, $2, $3)
