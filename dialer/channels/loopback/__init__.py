"""A telephone network in memory: callees from files, real frames. Never leaves home."""
