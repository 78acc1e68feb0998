-- Entries as find_candidates has them; `wanted` are those whose fact no entry of the types $9 ended from then on before
-- $10, or has come back: an entry of the types $11, later than this one, or of a reopening, $12.
SELECT page.occurred_at, page.lane, page.seq, page.fact,
    NOT EXISTS (SELECT FROM ledger AS ended
                WHERE ended.fact = page.fact AND ended.type = ANY ($9::text[]) AND ended.position <= $4
                    AND ended.occurred_at >= page.occurred_at AND ended.occurred_at < $10)
    OR EXISTS (SELECT FROM ledger AS again
               WHERE again.fact = page.fact AND again.position <= $4 AND (again.type = $12::text
                   OR (again.type = ANY ($11::text[]) AND again.occurred_at > page.occurred_at))) AS wanted
FROM (
    SELECT found.* FROM unnest($1::text[]) AS asked (type), LATERAL (
        SELECT occurred_at, lane, seq, fact FROM ledger
        WHERE ledger.type = asked.type AND occurred_at >= $2 AND occurred_at < $3 AND position <= $4
            AND (occurred_at, lane, seq) > ($5, $6, $7)
        ORDER BY occurred_at, lane, seq LIMIT $8
    ) AS found
    ORDER BY found.occurred_at, found.lane, found.seq LIMIT $8
) AS page
ORDER BY page.occurred_at, page.lane, page.seq
