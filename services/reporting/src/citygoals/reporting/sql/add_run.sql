-- One merged run; made twice it is the same.
INSERT INTO run (last, totals, city, department, district, channel)
VALUES ($1, $2::text::jsonb, $3, $4, $5, $6) ON CONFLICT DO NOTHING
