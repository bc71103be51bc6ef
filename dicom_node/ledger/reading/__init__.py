"""What people and metrics ask: these rooms only read."""
