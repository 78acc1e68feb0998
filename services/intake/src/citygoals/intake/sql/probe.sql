SELECT key, digest FROM journal WHERE key = ANY($1::uuid[])
