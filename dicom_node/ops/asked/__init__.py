"""What a person asks of the node and does about it, be it at a terminal or on the page."""
