"""What is remembered: ledger, vault, journal. Each method is one transaction; it never calls upward."""
