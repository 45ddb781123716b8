"""What can be shown later: masked, committed, logged, verifiable. Never sees an unmasked word but to mask it."""
