"""A command's connection to the daemon; the HTTP client is imported when somebody connects, not to show help."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bridge.cli.command_context import Context
from bridge.cli.output import Failed
from bridge.core.late_import import as_if_missing

if TYPE_CHECKING:
    from bridge.cli.client import Client


class Unreached(Failed):
    """The daemon does not answer, or not in a way that can be trusted."""


@contextmanager
def connect_client(context: Context) -> Iterator[Client]:
    """A client for the daemon that the options or the settings name."""
    with as_if_missing("pygments"):  # httpx offers a command line where it finds it
        from bridge.cli.client import Client
    from bridge.cli.daemon_address import daemon_address

    client = Client(daemon_address(context))
    try:
        yield client
    finally:
        client.close()
