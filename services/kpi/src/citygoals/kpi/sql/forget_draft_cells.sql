DELETE FROM draft_cell WHERE draft = $1
