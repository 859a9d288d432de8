"""Stand-ins for the services we deliver to: they behave like the real ones, over real HTTP on loopback.

Shipped, because who writes rules wants to test them without a chat server. Load the pytest fixtures with
``-p bridge.fakes.pytest_plugin``, or run one from a shell with ``ams-bridge fake mattermost``.
"""
