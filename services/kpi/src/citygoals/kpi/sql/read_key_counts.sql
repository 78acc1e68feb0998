SELECT kpi, grain, start, dimension, member, key, items FROM key_count WHERE kpi = ANY ($1::text[]) AND items <> 0
