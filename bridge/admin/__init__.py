"""The web pages for people: what came in, what went out, what waits. Thin over the broker's store."""
