SELECT id, data, activate, since FROM draft WHERE state = 'open' AND kind = 'catalogue' ORDER BY asked_at, id
