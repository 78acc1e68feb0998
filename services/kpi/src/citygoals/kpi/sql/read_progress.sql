SELECT draft, counts, until, fact, position, entries FROM draft_progress WHERE draft = $1
