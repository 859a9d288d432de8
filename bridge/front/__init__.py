"""The front: what stands between a client's bytes and the app. It bounds heads, waits and connections, and tells.

The server library trusts whoever connects: it takes a header line without end, waits for ever for the rest of a
request, and holds as many connections as there are descriptors. This room does not. It knows no routes and no rules.
"""
