"""The daemon and its edges: API, sources, destinations, workers, pages and command line."""
