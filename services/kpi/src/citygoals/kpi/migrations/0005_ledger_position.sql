-- migrate:up
-- What came at a position. The ledger grows in the order of positions, so the index is tiny and costs nothing to keep.
CREATE INDEX ledger_position ON ledger USING brin (position) WITH (pages_per_range = 16, autosummarize = on);
