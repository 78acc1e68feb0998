-- Forget checkpoints before the one that is kept.
DELETE FROM checkpoint WHERE position < $1
