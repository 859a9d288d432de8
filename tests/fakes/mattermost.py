"""The stand-in Mattermost for this suite: the shipped fixture, class and helpers, under one name."""

from __future__ import annotations

from bridge.fakes.listening import Listener, running
from bridge.fakes.mattermost import Click, FakeMattermost, Post, RateLimit, Settings
from bridge.fakes.pytest_plugin import mattermost

__all__ = ["Click", "FakeMattermost", "Listener", "Post", "RateLimit", "Settings", "mattermost", "running"]
