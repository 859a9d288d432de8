"""The Mattermost destinations: incoming webhook and bot."""
