"""A stand-in for a Mattermost server.

It behaves like the real one where a sender can tell: ``/hooks/ID`` with its statuses, bodies, limits and splitting,
the part of ``/api/v4`` that bots use, rate limiting, and buttons. See ``server.FakeMattermost``.
"""

from bridge.fakes.mattermost.clicks import Click
from bridge.fakes.mattermost.model import Post
from bridge.fakes.mattermost.server import FakeMattermost
from bridge.fakes.mattermost.settings import RateLimit, Settings

__all__ = ["Click", "FakeMattermost", "Post", "RateLimit", "Settings"]
