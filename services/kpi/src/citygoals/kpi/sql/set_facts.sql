UPDATE ledger SET fact = renewed.fact
FROM unnest($1::uuid[], $2::uuid[]) AS renewed (key, fact)
WHERE ledger.key = renewed.key
