-- What a publication pinned, and up to which position its restatements are known.
SELECT position, followed, published::text AS published FROM report WHERE publication = $1
