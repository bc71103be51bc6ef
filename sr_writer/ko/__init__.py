"""Key Object Selection (PS3.3 A.35.4): a clearly positive radiograph is of interest."""
