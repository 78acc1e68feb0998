-- The journal and its numbers can only grow.
GRANT SELECT, INSERT ON journal TO citygoals_intake;
GRANT SELECT, INSERT, UPDATE ON lane, relay_cursor, tally, event_type TO citygoals_intake;
GRANT SELECT, INSERT, UPDATE, DELETE ON quarantine TO citygoals_intake;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA intake TO citygoals_intake;
