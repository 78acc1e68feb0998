SELECT type, count(*) AS events FROM ledger WHERE lane > 0 GROUP BY type
