"""Builds the daemon from its settings, starts it, reloads it, and stops it."""
