"""Collapses many waiting deliveries into one digest when a destination cannot keep up."""
