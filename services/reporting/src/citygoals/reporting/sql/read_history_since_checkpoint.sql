-- How much would have to be replayed on top of the last checkpoint.
SELECT count(*) AS positions,
       coalesce(sum(octet_length(city) + octet_length(department) + octet_length(district)), 0)::bigint AS bytes
FROM history WHERE position > coalesce((SELECT max(position) FROM checkpoint), 0)
