-- migrate:up
-- The version of the rules by which the ledger's facts were computed, see citygoals.kpi.facts.RULES.
ALTER TABLE applier ADD COLUMN rules integer NOT NULL DEFAULT 1;
