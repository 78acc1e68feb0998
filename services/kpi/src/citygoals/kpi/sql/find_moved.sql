-- Entries as find_candidates has them; `wanted` are all of them ($9), or those whose deadline may be another than their
-- time says: they name a due time, found by the pattern $10, on a day from $11 to $12, or their fact has an entry of the
-- pausing type $13.
SELECT page.occurred_at, page.lane, page.seq, page.fact,
    $9::boolean
    OR EXISTS (SELECT FROM regexp_matches(convert_from(page.body, 'UTF8'), $10::text, 'g') AS said
               WHERE said[1] BETWEEN $11::text AND $12::text)
    OR EXISTS (SELECT FROM ledger AS paused
               WHERE paused.fact = page.fact AND paused.type = $13::text AND paused.position <= $4) AS wanted
FROM (
    SELECT found.* FROM unnest($1::text[]) AS asked (type), LATERAL (
        SELECT occurred_at, lane, seq, fact, body FROM ledger
        WHERE ledger.type = asked.type AND occurred_at >= $2 AND occurred_at < $3 AND position <= $4
            AND (occurred_at, lane, seq) > ($5, $6, $7)
        ORDER BY occurred_at, lane, seq LIMIT $8
    ) AS found
    ORDER BY found.occurred_at, found.lane, found.seq LIMIT $8
) AS page
ORDER BY page.occurred_at, page.lane, page.seq
