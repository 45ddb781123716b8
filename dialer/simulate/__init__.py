"""A made-up day of calls: our pacing, gate and retry against people who do not exist."""
