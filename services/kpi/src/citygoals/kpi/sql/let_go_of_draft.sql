UPDATE draft SET attempted_by = NULL WHERE id = $1 AND attempted_by IS NOT NULL
