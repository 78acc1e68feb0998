-- Held until the transaction ends, while there is no head that could be: of two projections that begin, one waits.
SELECT pg_advisory_xact_lock(hashtextextended('reporting.head', 0))
