-- The applier's row, locked until the end of the transaction, beside every entry of the facts asked for (the text of an
-- array). At least one row.
WITH held AS MATERIALIZED (SELECT epoch, position FROM applier FOR UPDATE)
SELECT held.epoch, held.position, l.body
FROM held LEFT JOIN ledger l ON l.fact = ANY ($1::text::uuid[])
