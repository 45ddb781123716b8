"""Who may be called, when, and what became of it. Sound and words live elsewhere."""
