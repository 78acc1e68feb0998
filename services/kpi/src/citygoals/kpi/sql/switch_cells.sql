-- A draft's cells in the place of the active ones; only what differs is written, and comes back as it is afterwards.
-- $2 are the series whose cells are replaced: what the draft does not have of them becomes zero.
INSERT INTO cell (kpi, grain, start, dimension, member, numerator, denominator, events)
SELECT kpi, grain, start, dimension, member,
    coalesce(d.numerator, 0), coalesce(d.denominator, 0), coalesce(d.events, 0)
FROM (SELECT * FROM draft_cell WHERE draft = $1) AS d
FULL JOIN (SELECT * FROM cell WHERE kpi = ANY ($2::text[])) AS c USING (kpi, grain, start, dimension, member)
WHERE (coalesce(d.numerator, 0), coalesce(d.denominator, 0), coalesce(d.events, 0))
    <> (coalesce(c.numerator, 0), coalesce(c.denominator, 0), coalesce(c.events, 0))
ORDER BY kpi, grain, start, dimension, member
ON CONFLICT (kpi, grain, start, dimension, member) DO UPDATE SET
    numerator = excluded.numerator, denominator = excluded.denominator, events = excluded.events
RETURNING kpi, grain, start, dimension, member, numerator::text, denominator::text, events
