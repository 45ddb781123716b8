"""Drivers of the Recogniser port, one engine a file. Never decide what was meant."""
