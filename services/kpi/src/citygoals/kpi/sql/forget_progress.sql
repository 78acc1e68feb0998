DELETE FROM draft_progress WHERE draft = $1
