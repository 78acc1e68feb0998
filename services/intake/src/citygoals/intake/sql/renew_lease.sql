UPDATE lane SET leased_until = now() + $3::interval WHERE lane = $1 AND epoch = $2 RETURNING next_seq
