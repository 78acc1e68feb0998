-- The whole city's days of every series asked for, each from a day of its own on, up to one that is left out.
SELECT cell.kpi, cell.start, cell.numerator, cell.denominator, cell.events
FROM unnest($1::text[], $2::date[]) AS asked (kpi, first)
JOIN cell ON cell.kpi = asked.kpi AND cell.grain = 0 AND cell.start >= asked.first AND cell.start < $3
    AND cell.dimension = 0 AND cell.member = ''
