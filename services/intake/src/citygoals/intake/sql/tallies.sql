SELECT system, sum(accepted)::bigint AS accepted, sum(duplicates)::bigint AS duplicates, sum(rejected)::bigint AS rejected
FROM tally GROUP BY system ORDER BY system
