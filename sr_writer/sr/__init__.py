"""Structured Report (PS3.3 A.35.13, A.35.3): the figures, the decision, the reason."""
