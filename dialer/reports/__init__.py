"""What it adds up to: figures and exports. Never touches a running call."""
