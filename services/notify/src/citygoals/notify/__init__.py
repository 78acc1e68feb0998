"""Who is told, how, when, once."""
