"""The Microsoft Teams destination: Adaptive Cards to a workflow webhook."""
