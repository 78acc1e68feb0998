-- The restatements of a publication are known up to a position.
UPDATE report SET followed = $2 WHERE publication = $1 AND followed < $2
