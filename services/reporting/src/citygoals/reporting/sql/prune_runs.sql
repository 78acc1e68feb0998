-- Forget runs that end at or before a checkpoint that is kept.
DELETE FROM run WHERE last <= $1
