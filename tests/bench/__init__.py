"""Measurements, not tests: nothing here fails for being slow. `make bench` runs them all."""
