"""One call from dialing to its record. Knows ports only, never a driver."""
