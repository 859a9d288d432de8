"""The Discord webhook destination."""
