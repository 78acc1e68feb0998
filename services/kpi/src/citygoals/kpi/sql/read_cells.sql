SELECT kpi, grain, start, dimension, member, numerator::text, denominator::text, events FROM cell
WHERE kpi = ANY ($1::text[]) AND (numerator <> 0 OR denominator <> 0 OR events <> 0)
