"""Sound in, words out; words in, sound out. Knows no debts, scripts or calls."""
