-- One bucket as a chunk: for each series its starts, numerators, denominators and events, in the order of the starts.
-- Integers that JSON readers could take for floats are written as texts.
SELECT s.id, json_build_array(
    json_agg(c.start ORDER BY c.start),
    json_agg(CASE WHEN abs(c.numerator) < 9007199254740992 THEN to_json(c.numerator) ELSE to_json(c.numerator::text) END
             ORDER BY c.start),
    json_agg(CASE WHEN abs(c.denominator) < 9007199254740992 THEN to_json(c.denominator) ELSE to_json(c.denominator::text) END
             ORDER BY c.start),
    json_agg(c.events ORDER BY c.start))::text AS columns
FROM series s JOIN cell c ON c.series = s.id AND c.start >= $3 AND c.start < $4
WHERE s.dimension = $1 AND (s.grain = 'day') = $2
GROUP BY s.id
