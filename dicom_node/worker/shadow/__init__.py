"""A pipeline that is only tried: it analyses what another one has, and nothing of it is sent."""
