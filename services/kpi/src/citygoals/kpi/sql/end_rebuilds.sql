-- Rebuilds that another tenure, or another process, left behind.
UPDATE draft SET state = 'discarded', ended_at = now() WHERE kind = 'rebuild' AND state = 'open'
