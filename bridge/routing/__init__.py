"""The routers' side of the line: read messages, decide them by the rules in force, commit."""
