-- The ledger and the outbox can only grow; which fact an entry belongs to is computed from its body, see facts.py.
GRANT SELECT, INSERT ON ledger, outbox, unreadable TO citygoals_kpi;
GRANT UPDATE (fact) ON ledger TO citygoals_kpi;
GRANT SELECT, UPDATE ON applier, relay_cursor TO citygoals_kpi;
GRANT SELECT, INSERT, UPDATE ON lane, total, cell, key_count TO citygoals_kpi;
GRANT SELECT, INSERT, UPDATE ON draft TO citygoals_kpi;
GRANT SELECT, INSERT, UPDATE, DELETE ON draft_progress, draft_cell, draft_key_count TO citygoals_kpi;
