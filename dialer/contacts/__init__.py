"""Who may be called at all: files, provenance, review. Never places a call."""
