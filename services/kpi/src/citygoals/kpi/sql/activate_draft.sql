UPDATE draft SET activate = true WHERE id = $1 AND state = 'open' RETURNING id
