"""Calls through Asterisk: AMI places and ends them, a socket carries their sound."""
