"""The doors: events come in, are judged, and are journaled."""
