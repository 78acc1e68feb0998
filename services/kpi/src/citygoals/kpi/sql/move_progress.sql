-- From where the caller knows it to be, and nowhere else: whoever moved it meanwhile has taken in the same entries.
UPDATE draft_progress SET fact = $4, position = $5, entries = $6
WHERE draft = $1 AND fact = $2 AND position = $3 RETURNING draft
