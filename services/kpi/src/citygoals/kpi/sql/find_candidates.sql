-- Entries in the order in which they happened, type by type from the index, then merged. The first bound is at or after
-- the cursor's instant, so that the index begins there.
SELECT page.occurred_at, page.lane, page.seq, page.fact, true AS wanted
FROM unnest($1::text[]) AS wanted (type), LATERAL (
    SELECT occurred_at, lane, seq, fact FROM ledger
    WHERE ledger.type = wanted.type AND occurred_at >= $2 AND occurred_at < $3 AND position <= $4
        AND (occurred_at, lane, seq) > ($5, $6, $7)
    ORDER BY occurred_at, lane, seq LIMIT $8
) AS page
ORDER BY page.occurred_at, page.lane, page.seq LIMIT $8
