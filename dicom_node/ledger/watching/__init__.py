"""How the node watches itself: what is counted of events, the alerts, and the notices of them."""
