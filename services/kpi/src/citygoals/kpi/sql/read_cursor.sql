SELECT position, ordinal FROM relay_cursor
