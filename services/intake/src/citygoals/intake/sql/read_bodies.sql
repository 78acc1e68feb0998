SELECT body FROM journal WHERE lane = $1 AND seq >= $2 ORDER BY seq LIMIT $3
