UPDATE lane SET leased_until = '-infinity' WHERE lane = $1 AND epoch = $2
