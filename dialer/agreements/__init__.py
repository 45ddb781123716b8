"""Repayment agreements: small, signed state machines that an auditor can replay."""
