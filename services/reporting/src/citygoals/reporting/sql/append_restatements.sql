-- What later positions changed in a publication's figures; another process finds the very same.
INSERT INTO restatement (publication, position, kpi, recorded_at, kind, numerator, denominator, before, after)
SELECT $1, position, kpi, recorded_at, kind, numerator::numeric, denominator::numeric, before::json, after::json
FROM unnest($2::bigint[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[])
    AS new (position, kpi, recorded_at, kind, numerator, denominator, before, after)
ON CONFLICT (publication, position, kpi) DO NOTHING
