"""What can be shown later: masked, committed, logged, verifiable. Keeps no raw word."""
