"""Who may be called, when, and what became of it. Sound and wording live in `speech` and `ivr`."""
