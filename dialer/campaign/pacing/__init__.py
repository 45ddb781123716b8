"""How many calls may be placed now: a pure decision on what is seen and believed."""
