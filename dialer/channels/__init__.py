"""The telephone network behind one port. Knows no debts and no scripts."""
