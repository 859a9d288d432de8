"""YAML text with places, and the problems that are told with them."""
