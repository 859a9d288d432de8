"""Renders posts: Jinja in a sandbox with a budget, filters, Markdown escaping, message templates."""
