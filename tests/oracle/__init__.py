"""A second opinion on the law: brute force by the minute, no code of the gate."""
