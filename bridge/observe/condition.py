"""What surrounds the daemon and may run out: disk, descriptors, certificates. Cheap to look at, once a minute.

What is found goes into ``/readyz`` as degraded words and into metrics; ``ams-bridge doctor`` shows it as a table.
"""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from bridge.core.offload import Offload
from bridge.observe.certificate_ends import CertificateFile, judge_certificate, read_end
from bridge.observe.finding import Finding
from broker.clock import Clock
from broker.engines.sqlite.examine import Sizes, measure

_EVERY_S: Final = 60.0
_LEAST_FREE_BYTES: Final = 64 * 1024 * 1024
_LEAST_DESCRIPTORS: Final = 64
_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Descriptors:
    """How many descriptors the process has open, and how many it may have."""

    opened: int
    limit: int


def count_descriptors() -> Descriptors | None:
    """The descriptors of this process; None on a system that does not say how many are open."""
    try:
        opened = sum(1 for _ in Path("/proc/self/fd").iterdir())
    except OSError:
        return None
    return Descriptors(opened, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def judge_disk(sizes: Sizes) -> Finding:
    """Whether the disk has room for what the write-ahead log holds once more, and some beside it."""
    needed = sizes.wal_bytes + _LEAST_FREE_BYTES
    text = (
        f"{sizes.free_bytes // _MIB:,} MiB left; the store has {sizes.store_bytes // _MIB:,} MiB "
        f"and its write-ahead log {sizes.wal_bytes // _MIB:,} MiB"
    )
    if sizes.free_bytes >= needed:
        return Finding("disk", "ok", text)
    return Finding("disk", "wrong", f"{text}: make room, {needed // _MIB:,} MiB are needed")


def judge_descriptors(descriptors: Descriptors) -> Finding:
    """Whether there are descriptors left for what comes."""
    text = f"{descriptors.opened} of {descriptors.limit} descriptors are open"
    if descriptors.limit - descriptors.opened >= _LEAST_DESCRIPTORS:
        return Finding("descriptors", "ok", text)
    return Finding("descriptors", "wrong", f"{text}: raise the limit (LimitNOFILE= of the unit)")


def look_around(store: Path | None, certificates: Sequence[CertificateFile], now_us: int) -> list[Finding]:
    """The findings of all that is cheap to look at."""
    findings = [judge_certificate(file, now_us) for file in certificates]
    descriptors = count_descriptors()
    if descriptors is not None:
        findings.append(judge_descriptors(descriptors))
    if store is not None:
        try:
            findings.append(judge_disk(measure(store)))
        except OSError as error:
            findings.append(Finding("disk", "wrong", f"{store.parent} cannot be looked at: {error.strerror}"))
    return findings


def _ends_of(certificates: Sequence[CertificateFile]) -> dict[str, float]:
    """When each file's certificates end, in seconds since 1970, by place; those that cannot be read are findings."""
    ends = {}
    for file in certificates:
        with contextlib.suppress(OSError, ValueError):
            ends[file.place] = read_end(file).ends.timestamp()
    return ends


class DaemonCondition(Collector):
    """Looks around once a minute, and tells what is not well."""

    def __init__(
        self, clock: Clock, store: Path | None, certificates: Callable[[], Sequence[CertificateFile]] = lambda: ()
    ) -> None:
        self._clock = clock
        self._store = store
        self._certificates = certificates
        self._found: Sequence[Finding] = ()
        self._ends: Mapping[str, float] = {}

    def watch_certificates(self, certificates: Callable[[], Sequence[CertificateFile]]) -> None:
        """Look at other files: those that the settings in force name, whenever it looks."""
        self._certificates = certificates

    async def follow(self) -> None:
        """Look around once a minute, for ever."""
        offload = Offload(self._clock, "condition")
        while True:
            await self.look(offload)
            await self._clock.sleep(_EVERY_S)

    async def look(self, offload: Offload) -> None:
        """Look once, beside the loop: a disk may take its time."""
        now_us, certificates = self._clock.wall_us(), self._certificates()
        try:
            self._found = await offload.run(lambda: look_around(self._store, certificates, now_us), large=True)
            self._ends = await offload.run(lambda: _ends_of(certificates), large=True)
        finally:
            offload.close()

    def describe_degraded(self) -> str:
        """What is not well, one sentence a line; "" when all is."""
        return "\n".join(finding.text for finding in self._found if finding.state != "ok")

    def collect(self) -> Sequence[Metric]:
        """See Collector."""
        expires = GaugeMetricFamily(
            "ams_bridge_certificate_expires_seconds",
            "When a certificate that is used or trusted ends",
            labels=["setting"],
        )
        for place, end_s in self._ends.items():
            expires.add_metric([place], end_s)
        made: list[Metric] = [expires]
        descriptors = count_descriptors()
        if descriptors is not None:
            opened = GaugeMetricFamily("ams_bridge_descriptors_open", "Descriptors that are open")
            opened.add_metric([], descriptors.opened)
            left = GaugeMetricFamily("ams_bridge_descriptors_left", "Descriptors that may still be opened")
            left.add_metric([], descriptors.limit - descriptors.opened)
            made += [opened, left]
        if self._store is not None:
            made += self._sizes(self._store)
        return made

    @staticmethod
    def _sizes(store: Path) -> list[Metric]:
        try:
            sizes = measure(store)
        except OSError:
            return []  # readiness tells of it
        room = GaugeMetricFamily("ams_bridge_store_bytes", "Room that the store takes")
        room.add_metric([], sizes.store_bytes)
        wal = GaugeMetricFamily("ams_bridge_wal_bytes", "Room that the write-ahead log takes")
        wal.add_metric([], sizes.wal_bytes)
        free = GaugeMetricFamily("ams_bridge_disk_free_bytes", "Room left on the disk of the store")
        free.add_metric([], sizes.free_bytes)
        return [room, wal, free]
