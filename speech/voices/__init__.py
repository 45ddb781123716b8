"""Drivers of the Voice port, one engine a file. Never called while a line waits."""
