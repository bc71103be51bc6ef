"""What keeps a node healthy: recovery, status."""
