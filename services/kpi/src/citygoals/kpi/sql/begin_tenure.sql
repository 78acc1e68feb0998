UPDATE applier SET epoch = epoch + 1 RETURNING epoch
