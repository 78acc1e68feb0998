-- A page of what later positions changed in some KPIs of a publication, oldest first, after a place and up to a position.
SELECT position, kpi, recorded_at, kind, numerator::text AS numerator, denominator::text AS denominator,
       before::text AS before, after::text AS after
FROM restatement
WHERE publication = $1 AND kpi = ANY ($2::text[]) AND position <= $3 AND (position, kpi) > ($4, $5)
ORDER BY position, kpi LIMIT $6
