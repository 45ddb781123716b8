"""Sound in, words out; words in, sound out. Knows nothing of debts, scripts or calls."""
