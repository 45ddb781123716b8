"""Who may be called at all: files to contacts, provenance, review. Never places a call."""
