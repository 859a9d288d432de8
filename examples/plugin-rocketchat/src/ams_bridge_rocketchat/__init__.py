"""Rocket.Chat for ams-bridge. Every plugin is a file; pyproject.toml names each by its entry point."""
