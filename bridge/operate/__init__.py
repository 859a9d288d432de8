"""Use cases of operators as plain functions over values; no HTTP in them."""
