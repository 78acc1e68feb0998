SELECT coalesce(max(revision), 0) FROM event_type
