-- A draft that gets on may break off as often again.
UPDATE draft SET attempts = 0, error = NULL WHERE id = $1 AND attempts > 0
