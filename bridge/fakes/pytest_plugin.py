"""pytest fixtures: ``pytest -p bridge.fakes.pytest_plugin``, or name it in ``pytest_plugins`` of a conftest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from bridge.fakes.discord import FakeDiscord
from bridge.fakes.listening import running
from bridge.fakes.mattermost import FakeMattermost
from bridge.fakes.slack import FakeSlack
from bridge.fakes.teams import FakeTeams
from bridge.fakes.webhook import FakeWebhook

if TYPE_CHECKING:
    from bridge.fakes.smtp import FakeSmtp


@pytest.fixture
def mattermost() -> Iterator[FakeMattermost]:
    """A Mattermost server on a free loopback port, gone when the test ends. Give ``mattermost.hook_url`` to a sender.

    A test that needs another clock or other settings runs its own: ``with running(FakeMattermost(...)) as it``.
    """
    with running(FakeMattermost()) as fake:
        yield fake


@pytest.fixture
def webhook_receiver() -> Iterator[FakeWebhook]:
    """A receiver of any webhook on a free loopback port. Give ``webhook_receiver.base_url`` to a sender."""
    with running(FakeWebhook()) as fake:
        yield fake


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    """A Slack workspace on a free loopback port. Give ``slack.hook_url`` or ``slack.api_url`` to a sender."""
    with running(FakeSlack()) as fake:
        yield fake


@pytest.fixture
def teams() -> Iterator[FakeTeams]:
    """A Teams workflow on a free loopback port. Give ``teams.hook_url`` to a sender."""
    with running(FakeTeams()) as fake:
        yield fake


@pytest.fixture
def discord() -> Iterator[FakeDiscord]:
    """A Discord webhook on a free loopback port. Give ``discord.hook_url`` to a sender."""
    with running(FakeDiscord()) as fake:
        yield fake


@pytest.fixture
def smtp() -> Iterator[FakeSmtp]:
    """A mail server on a free loopback port. Give ``smtp.host`` and ``smtp.port`` to a sender. Needs aiosmtpd."""
    from bridge.fakes.smtp import FakeSmtp

    with FakeSmtp() as fake:
        yield fake
