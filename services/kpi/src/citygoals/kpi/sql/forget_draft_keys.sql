DELETE FROM draft_key_count WHERE draft = $1
