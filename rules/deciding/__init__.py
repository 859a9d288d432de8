"""Decides what a message means: match, quiet, fire; pure functions from event and state to sends."""
