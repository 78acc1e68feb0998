SELECT count(*) FROM draft_cell WHERE draft = $1 AND (numerator <> 0 OR denominator <> 0 OR events <> 0)
