SELECT id, data, activate FROM draft WHERE state = 'open' AND kind = 'catalogue' ORDER BY id
