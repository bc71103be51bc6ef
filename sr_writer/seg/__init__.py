"""Segmentation (PS3.3 A.51): the four masks."""
