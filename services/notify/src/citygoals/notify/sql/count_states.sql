-- How many notices wait, and since when the oldest of them.
SELECT state, count(*) AS notices, min(created_at) AS oldest FROM notice WHERE finished_at IS NULL GROUP BY state
