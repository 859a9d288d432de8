"""What the daemon tells of itself: logs, metrics, health."""
