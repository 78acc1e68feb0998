-- Entries of the types up to a position, fact by fact, from after a fact on: their bodies end to end in one value, with
-- the length of each. The driver takes ten times as long over as many rows. A full page leaves out its last fact, which
-- may go on; `fact` is the last one that is in, null where none is.
WITH page AS MATERIALIZED (
    SELECT fact, body FROM ledger
    WHERE fact > $1 AND position <= $2 AND type = ANY ($3::text[]) ORDER BY fact LIMIT $4::bigint
), ending AS (
    SELECT count(*) < $4 AS is_last, (SELECT fact FROM page ORDER BY fact DESC LIMIT 1) AS fact FROM page
), whole AS MATERIALIZED (
    SELECT page.fact, page.body FROM page, ending WHERE ending.is_last OR page.fact < ending.fact
)
SELECT coalesce(string_agg(body, ''::bytea), ''::bytea) AS bodies,
       coalesce(array_agg(octet_length(body)), '{}') AS lengths,
       (SELECT fact FROM whole ORDER BY fact DESC LIMIT 1) AS fact,
       (SELECT is_last FROM ending) AS is_last
FROM whole
