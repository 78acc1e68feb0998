UPDATE applier SET rules = $1
