UPDATE draft SET state = $2, position = $3, error = $4, ended_at = now() WHERE id = $1 AND state = 'open' RETURNING id
