-- The position, held until the transaction ends: of two projections one waits, and then finds its positions applied.
SELECT position, totals::text AS totals FROM head FOR UPDATE
