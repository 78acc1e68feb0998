-- What the definitions became at a position.
INSERT INTO definition (position, plan, kpis, departments, calendars, reference_tables, duties, records, roster, recorded_at)
VALUES ($1, $2::text::jsonb, $3::text::jsonb, $4::text::jsonb, $5::text::jsonb, $6::text::jsonb, $7::text::jsonb,
        $8::text::jsonb, $9::text::jsonb, $10)
