"""Which way out: trunks as data, which one takes a call, and whether it works. It never
touches what is said on a call, or the ledger."""
