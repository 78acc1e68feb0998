-- Nobody waits for a draft that is held, so what changes from here on is not its to bring back.
INSERT INTO draft (kind, data, activate, since)
SELECT $1, $2, $3::boolean, CASE WHEN NOT $3::boolean THEN position END FROM applier RETURNING id
