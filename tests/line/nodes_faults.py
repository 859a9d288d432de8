"""What may go wrong with several nodes on several servers, and how long it takes until others took over."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import psycopg

from tests.line.nodes_stage import CLOCK, NodeStage
from tests.line.proxy_process import Passing
from tests.line.test_postgres import Node

_TAKEN_OVER_WITHIN_S: Final = 30.0
_LATE_S: Final = 0.5


@dataclass
class Takeovers:
    """How long each worker of a node that was gone had no owner, in seconds, over all faults."""

    stage: NodeStage
    took_s: list[float] = field(default_factory=list)

    def list_held(self, name: str) -> Mapping[str, int]:
        """What a node has now, with the tokens."""
        return dict(self.stage.ask("SELECT name, token FROM workers WHERE holder <> 0 AND node = %s", name))

    def wait(self, held: Mapping[str, int], gone_us: int) -> None:
        """Return when others have what a node had that is gone since ``gone_us``, and note how long that took."""
        question = "SELECT name, token, since_us FROM workers WHERE holder <> 0 AND name = ANY(%s)"
        ends = CLOCK.monotonic() + _TAKEN_OVER_WITHIN_S
        while True:
            try:
                rows = self.stage.ask(question, list(held))
            except psycopg.Error:
                rows = []
            taken = {worker: since_us for worker, token, since_us in rows if token > held[worker]}
            if taken.keys() == held.keys():
                self.took_s += [max(0, since_us - gone_us) / 1_000_000 for since_us in taken.values()]
                return
            assert CLOCK.monotonic() < ends, f"nobody took over {held.keys() - taken.keys()}"
            CLOCK.pause(0.1)


@dataclass
class Faults:
    """Each fault as a method: it is over, and everything may go on, when it returns."""

    stage: NodeStage
    rng: random.Random
    takeovers: Takeovers

    def kill_a_node(self) -> None:
        """kill -9; others take over, or it is there again at once."""
        name, node = self._pick()
        held, gone_us = self.takeovers.list_held(name), CLOCK.wall_us()
        node.daemon.kill()
        if self.rng.random() < 0.7:
            self.takeovers.wait(held, gone_us)
        node.start()

    def stop_a_node(self) -> None:
        """A clean stop, and a start a little later."""
        _, node = self._pick()
        assert node.daemon.stop() == 0
        CLOCK.pause(self.rng.choice([0.0, 1.0]))
        node.start()

    def pause_a_node(self) -> None:
        """SIGSTOP past its leases, as a rule; then it goes on as if nothing had happened."""
        name, node = self._pick()
        held, gone_us = self.takeovers.list_held(name), CLOCK.wall_us()
        node.daemon.signal(signal.SIGSTOP)
        if self.rng.random() < 0.8:
            self.takeovers.wait(held, gone_us)
            CLOCK.pause(_LATE_S)
        else:
            CLOCK.pause(1.0)
        node.daemon.signal(signal.SIGCONT)

    def cut_a_node_off(self) -> None:
        """Its connections end, and it gets no new ones, for a while or past its leases."""
        self._cut(self._pick()[0], "cut")

    def hold_a_node_up(self) -> None:
        """Nothing comes through to or from the database past its leases; what it sent arrives late."""
        self._cut(self._pick()[0], "hold")

    def restart_the_primary(self) -> None:
        """kill -9 of the primary, which comes back itself."""
        self.stage.cluster.primary.kill()
        CLOCK.pause(self.rng.choice([0.0, 1.0]))
        self.stage.cluster.primary.start()

    def fail_over(self) -> None:
        """kill -9 of the primary, and a standby takes its place."""
        self.stage.cluster.fail_over()

    def fill_the_disk(self) -> None:
        """No room on the primary's disk, and room again."""
        if not self.stage.cluster.has_disks:
            return
        self.stage.cluster.primary.fill_disk()
        CLOCK.pause(self.rng.choice([0.0, 2.0]))
        self.stage.cluster.primary.free_disk()

    def restart_everything(self) -> None:
        """All nodes and all servers die, and are begun again."""
        for node in self.stage.nodes.values():
            node.daemon.kill()
        self.stage.cluster.restart()
        for node in self.stage.nodes.values():
            node.start()

    def _pick(self) -> tuple[str, Node]:
        name = self.rng.choice(sorted(self.stage.nodes))
        return name, self.stage.nodes[name]

    def _cut(self, name: str, how: Passing) -> None:
        held, gone_us = self.takeovers.list_held(name), CLOCK.wall_us()
        self.stage.proxies[name].tell(how)
        if self.rng.random() < 0.7:
            self.takeovers.wait(held, gone_us)
            CLOCK.pause(_LATE_S)
        else:
            CLOCK.pause(self.rng.choice([0.1, 1.0]))
        self.stage.proxies[name].tell("pass")

    def all(self) -> Mapping[str, Callable[[], None]]:
        """Each by its name."""
        return {
            fault.__name__.replace("_", " "): fault
            for fault in (
                self.kill_a_node,
                self.stop_a_node,
                self.pause_a_node,
                self.cut_a_node_off,
                self.hold_a_node_up,
                self.restart_the_primary,
                self.fail_over,
                self.fill_the_disk,
                self.restart_everything,
            )
        }
