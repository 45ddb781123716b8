"""What it adds up to: figures and exports from the store. Never touches a running call."""
