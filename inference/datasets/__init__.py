"""Radiographs with what is true of them, for training and evaluation alike.

cases, dicom_pairs ► Cases: a radiograph and its true masks    examples ► many, on the square
duplicates ► what may not be split between two sides           pack     ► a set, made small
"""
