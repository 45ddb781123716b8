"""What to say next, and why: templates, intents, five stages. No sound, no storage."""
