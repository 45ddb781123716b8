"""Calls through Twilio: REST, signed webhooks, media streams. Knows no Asterisk."""
