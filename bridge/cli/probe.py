"""``check --probe``: asks each destination whether it could deliver, without posting anything."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, TypeAlias, assert_never

from bridge.cli.fitting_tables import Column
from bridge.cli.output import Output
from bridge.destinations.base import Delivered, Destination, Later, Outcome, Refused
from bridge.destinations.republish import Republisher
from bridge.settings.model import Settings
from broker.broker import Broker
from broker.clock import SystemClock

ProbeRow: TypeAlias = dict[str, str]
"""``destination``, ``kind``, ``outcome`` (ready, not now, refused), ``reason``: why not, or what ready leaves open."""

_PROBE_TIMEOUT_S: Final = 30.0
_LEFT_OPEN: Final = {
    "apprise": "Apprise knows the service; it cannot be asked without posting",
    "teams": "the service answers; whether the workflow exists shows with the first post",
    "webhook": "somebody answers there; whether posts are taken shows with the first one",
}
_STYLES: Final = {"ready": "green", "not now": "yellow", "refused": "red"}


class TopicsToBe(Republisher):
    """The topics that stand in the store, and those that the next start or reload provisions."""

    def __init__(self, settings: Settings, broker: Broker) -> None:
        super().__init__(broker)
        self._planned = {
            f"projects/{name}/topics/{topic}" for name, project in settings.projects.items() for topic in project.topics
        }

    def exists(self, topic: str) -> bool:
        """See Topics."""
        return topic in self._planned or super().exists(topic)


async def probe_all(destinations: Mapping[str, Destination]) -> list[ProbeRow]:
    """Ask all destinations at once whether they could deliver."""
    return list(await asyncio.gather(*(_probe(name, destination) for name, destination in destinations.items())))


def tell_probes(output: Output, rows: list[ProbeRow]) -> None:
    """Print what probed destinations answered, as a table."""
    columns = [
        Column("Destination", lambda row: row["destination"]),
        Column("Kind", lambda row: row["kind"]),
        Column("Answer", lambda row: row["outcome"], style=lambda row: _STYLES[row["outcome"]]),
        Column("Why", lambda row: row["reason"], below=True),
    ]
    output.print_rows(rows, columns)


async def _probe(name: str, destination: Destination) -> ProbeRow:
    try:
        async with SystemClock().timeout(_PROBE_TIMEOUT_S):
            outcome: Outcome = await destination.probe()
    except TimeoutError:
        outcome = Later(f"no answer within {_PROBE_TIMEOUT_S:g} s")
    result = {"destination": name, "kind": destination.facts.kind}
    match outcome:
        case Delivered():
            return result | {"outcome": "ready", "reason": _LEFT_OPEN.get(destination.facts.kind, "")}
        case Later():
            return result | {"outcome": "not now", "reason": outcome.reason}
        case Refused():
            return result | {"outcome": "refused", "reason": outcome.reason}
        case _:
            assert_never(outcome)
