UPDATE draft SET attempts = attempts + 1, error = $2, attempted_by = NULL WHERE id = $1 AND state = 'open' RETURNING attempts
