"""Stored values to the picture radiologists read: grayscale joins the rest into one lookup table.

stored_values ► values of the words    transforms, lookup_table ► what the header does to them
luminance ► colours to gray            quality ► whether the picture is harder to judge than usual
"""
