"""Deliveries, and the destinations that they go to."""
