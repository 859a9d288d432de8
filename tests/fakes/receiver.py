"""The stand-in webhook receiver for this suite: the shipped fixture and class, under one name."""

from __future__ import annotations

from bridge.fakes.exchange import Reply
from bridge.fakes.listening import Listener, running
from bridge.fakes.pytest_plugin import webhook_receiver
from bridge.fakes.webhook import FakeWebhook

__all__ = ["FakeWebhook", "Listener", "Reply", "running", "webhook_receiver"]
