INSERT INTO unreadable (lane, seq, reason, refused_at) SELECT * FROM unnest($1::integer[], $2::bigint[], $3::text[], $4::timestamptz[])
ON CONFLICT DO NOTHING
