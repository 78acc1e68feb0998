"""The ledger of admitted events and the cells that they move."""
