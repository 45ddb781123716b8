"""Sentences nobody trains on, as written and as heard, and their reader's test."""
