"""Everything that touches network, disk, database or broker: see `__main__`."""
