"""The Slack destinations: incoming webhook and bot."""
