-- The applier's row, locked until the end of the transaction, beside every entry of the facts asked for (the text of an
-- array). At least one row. The text is read once: as part of the condition it would be read again for each row of the
-- ledger whenever the planner, not knowing the table's size yet, scans it (minutes instead of milliseconds).
WITH held AS MATERIALIZED (SELECT epoch, position FROM applier FOR UPDATE),
asked AS MATERIALIZED (SELECT $1::text::uuid[] AS facts)
SELECT held.epoch, held.position, l.body
FROM held LEFT JOIN ledger l ON l.fact = ANY ((SELECT facts FROM asked)::uuid[])
