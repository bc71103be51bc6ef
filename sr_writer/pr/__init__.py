"""Grayscale Softcopy Presentation State (PS3.3 A.33.1): the outlines over the source."""
