UPDATE quarantine SET replayed_at = $2 WHERE id = $1
