-- What the plan, the KPIs and the departments became at a position.
INSERT INTO definition (position, plan, kpis, departments)
VALUES ($1, $2::text::jsonb, $3::text::jsonb, $4::text::jsonb)
