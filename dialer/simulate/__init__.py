"""A made-up day of calls: our pacing, gate and retry, and people made of chance."""
