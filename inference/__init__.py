"""Pixels in, findings out. Knows nothing of networks, databases or brokers: see `analyze`."""
