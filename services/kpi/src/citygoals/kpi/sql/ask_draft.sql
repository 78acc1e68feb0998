INSERT INTO draft (kind, data, activate) VALUES ($1, $2, $3) RETURNING id
