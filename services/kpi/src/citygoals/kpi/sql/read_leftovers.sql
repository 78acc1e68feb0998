-- Drafts of which something is computed although they are ended.
SELECT draft FROM draft_progress
WHERE NOT EXISTS (SELECT FROM draft AS d WHERE d.id = draft_progress.draft AND d.state = 'open')
