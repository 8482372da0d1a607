"""SQLite: the only rooms that speak SQL."""
