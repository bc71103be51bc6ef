"""Who may come in, what they may do, and that nobody else does it in their name."""
