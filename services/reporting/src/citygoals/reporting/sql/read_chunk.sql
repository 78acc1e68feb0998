-- One chunk's body.
SELECT body FROM chunk WHERE dimension = $1 AND days = $2 AND bucket = $3 AND position = $4
