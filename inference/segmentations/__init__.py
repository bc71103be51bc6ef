"""Segmentations (PS3.3 A.51) as viewers write them, and what a reader has drawn in one.

segments ► what each segment is    frames ► its pixels
drawing  ► who drew, on what       masks  ► both lungs and the infection in each, to be counted
"""
