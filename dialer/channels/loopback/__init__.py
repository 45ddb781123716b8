"""A telephone network in memory: callees from files, real 20 ms frames. Never leaves the process."""
