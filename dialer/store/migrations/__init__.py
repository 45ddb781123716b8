"""Forward-only changes of the three databases. Never edits data it cannot restore."""
