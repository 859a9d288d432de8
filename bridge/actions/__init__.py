"""Buttons in chat: what they carry, who may press them, and what a press does (destinations.md 2.6)."""
