DELETE FROM quarantine WHERE last_seen_at < now() - $1::interval
