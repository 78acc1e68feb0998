-- migrate:up

-- Which public KPIs each department has from a position on, {"department": ["KPI", ...]}, and when that was recorded: a report
-- is judged by those of its due instant, and reading every catalogue whole for that would take longer with each one.
ALTER TABLE definition ADD COLUMN roster jsonb, ADD COLUMN recorded_at timestamptz;

-- When it was recorded says history, and where that is forgotten the first that is remembered after it.
UPDATE definition SET recorded_at = (
    SELECT min(known.recorded_at) FROM (
        SELECT position, recorded_at FROM history UNION ALL SELECT position, recorded_at FROM checkpoint
    ) known WHERE known.position >= definition.position
);
UPDATE definition SET roster = (
    SELECT coalesce(jsonb_object_agg(one.department, one.kpis), '{}') FROM (
        SELECT kpi ->> 'department' AS department, jsonb_agg(kpi ->> 'id' ORDER BY kpi ->> 'id' COLLATE "C") AS kpis
        FROM jsonb_array_elements(definition.kpis) kpi
        WHERE kpi ->> 'department' IS NOT NULL AND NOT coalesce((kpi ->> 'internal')::boolean, false)
          AND NOT coalesce((kpi ->> 'retired')::boolean, false)
        GROUP BY 1
    ) one
) WHERE kpis IS NOT NULL;
