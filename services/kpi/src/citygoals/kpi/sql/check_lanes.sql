-- Lanes of which the ledger and the unreadable entries together do not have every number before the next.
SELECT lane.lane, lane.next_seq, coalesce(held.numbers, 0) AS numbers
FROM lane LEFT JOIN (
    SELECT lane, count(*) AS numbers
    FROM (SELECT lane, seq FROM ledger UNION SELECT lane, seq FROM unreadable) AS numbered GROUP BY lane
) AS held USING (lane)
WHERE lane.next_seq - 1 <> coalesce(held.numbers, 0)
ORDER BY lane.lane
