-- Give numbers to new addresses, in a fixed order.
INSERT INTO series (kpi, grain, dimension, member)
SELECT kpi, grain, dimension, member
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS new (kpi, grain, dimension, member)
ORDER BY kpi, grain, dimension, member
RETURNING id, kpi, grain, dimension, member
