"""``import``: what other services hold, taken over by the running daemon."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from bridge.cli.lazy import LazyGroup, Listed

_SOURCES: Final[Mapping[str, Listed]] = {
    "ams": Listed("import_ams:take_over_ams", "Another AMS: projects, users, subscriptions, messages."),
    "gocdb": Listed("import_gocdb:take_over_gocdb", "GOCDB's service endpoints: users, access, certificates."),
}


@click.group("import", cls=LazyGroup, listed=_SOURCES)
def import_group() -> None:
    """Take over what other services hold: ams, gocdb. Rules of other systems: rules import."""
