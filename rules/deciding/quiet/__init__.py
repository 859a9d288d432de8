"""Keeping quiet: what a rule remembers, and why it says nothing. One idea a file; all pure."""
