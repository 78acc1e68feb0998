-- migrate:up

-- Business calendars and reference tables are definitions like the catalogue that uses them.
ALTER TABLE definition ADD COLUMN calendars jsonb, ADD COLUMN reference_tables jsonb;

-- A KPI has series of its own and of its parts, named "<kpi>/<part>".
CREATE INDEX series_kpi ON series (split_part(kpi, '/', 1), dimension, grain);
