"""What the tests of the fakes share."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.fakes.mattermost import mattermost
from tests.fakes.receiver import webhook_receiver

__all__ = ["http", "mattermost", "webhook_receiver"]


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=10) as client:
        yield client
