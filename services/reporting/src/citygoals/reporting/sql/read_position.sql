-- The position of this transaction's snapshot.
SELECT position FROM head
