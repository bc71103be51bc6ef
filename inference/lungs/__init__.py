"""The lungs: their sides, and whether they can be a chest's."""
