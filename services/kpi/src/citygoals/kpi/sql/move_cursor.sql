UPDATE relay_cursor SET position = $1, ordinal = $2
