-- Forget positions up to a checkpoint that is kept.
DELETE FROM history WHERE position <= $1
