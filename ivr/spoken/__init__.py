"""Numbers, dates and money, read aloud and read back, one language a file. Pure."""
