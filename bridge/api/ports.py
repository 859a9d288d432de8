"""What the AMS API asks of the rest of the daemon: a verification hash, the state of a push, the node's load."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

from bridge.api.call import ApiPorts, NodeUsage, Unreachable, VerificationAnswer
from bridge.core.addresses import may_reach, push_session
from bridge.core.fetching import CallBounds, NoAnswer
from bridge.core.late_import import import_beside
from bridge.core.trust import ClientPair, UnusableTls
from broker.clock import Clock
from broker.records import Subscription

_BOUNDS = CallBounds(timeout_s=30.0, longest_bytes=64 * 1024)  # ams-api.md D22


class LivePorts:
    """Asks the outside on behalf of the API."""

    def __init__(
        self,
        clock: Clock,
        *,
        allow_private: bool,
        ca_file: Path | None = None,
        client_pair: ClientPair | None = None,
        push_status: Callable[[Subscription], str] = lambda subscription: "",
    ) -> None:
        self._clock = clock
        self._allow_private = allow_private
        self._ca_file = ca_file
        self._client_pair = client_pair
        self._push_status = push_status

    def make_ports(self) -> ApiPorts:
        """The ports as the record that the API takes."""
        return ApiPorts(fetch=self.fetch, push_status=self._push_status, nodes=lambda: [node_usage()])

    async def fetch(self, url: str) -> VerificationAnswer:
        """GET without following redirects, within 30 s and the address rules of pushes. Raises Unreachable."""
        await import_beside("bridge.core.http_session")
        from bridge.core.http_session import fetch

        try:
            session = push_session(
                allow_private=self._allow_private, ca_file=self._ca_file, client_pair=self._client_pair
            )
        except UnusableTls as error:
            raise Unreachable(str(error)) from error
        try:
            async with session:
                answer = await fetch(
                    session,
                    "GET",
                    url,
                    _BOUNDS,
                    self._clock,
                    may_reach=may_reach(allow_private=self._allow_private),
                )
        except NoAnswer as error:
            raise Unreachable(str(error)) from error
        return VerificationAnswer(answer.status, answer.body)


def node_usage() -> NodeUsage:
    """This machine's load and memory use, in percent."""
    cores = os.cpu_count() or 1
    return NodeUsage(socket.gethostname(), min(100.0, os.getloadavg()[0] / cores * 100), _memory_percent())


def _memory_percent() -> float:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        kib = {line.split(":")[0]: int(line.split()[1]) for line in lines}
        return 100.0 * (1 - kib["MemAvailable"] / kib["MemTotal"])
    except (OSError, KeyError, ValueError, IndexError):
        return 0.0
