"""How many calls may be placed now. Pure: what is seen and believed in, a number out."""
