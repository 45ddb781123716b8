"""Lawful ways to repay, worked out from an account and its creditor's policy."""
