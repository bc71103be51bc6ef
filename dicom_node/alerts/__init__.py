"""People are told by themselves: once when something needs them, once when it has passed."""
