"""A second Mattermost for tests of destinations that must not disturb one another."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bridge.fakes.listening import running
from bridge.fakes.mattermost import FakeMattermost


@pytest.fixture
def other_mattermost() -> Iterator[FakeMattermost]:
    """Another Mattermost server."""
    with running(FakeMattermost()) as fake:
        yield fake
