"""What is remembered: ledger, vault, journal. It never calls upward."""
