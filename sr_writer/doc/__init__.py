"""Encapsulated PDF (PS3.3 A.45.1): all of it on one page."""
