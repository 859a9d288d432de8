"""Everything goes wrong at once, hundreds of times: what was acknowledged arrives, in order, and is decided once.

A real daemon on a store on disk, a receiver in a process of its own that misbehaves, publishers that never stop, and
faults drawn from a seed, up to three at a time. The judges are outside the daemon: what publishers were told, and what
the receiver wrote down before it answered. AMS_BRIDGE_CHAOS_SEED, AMS_BRIDGE_CHAOS_ROUNDS and
AMS_BRIDGE_CHAOS_LONGEST_S choose another life. When it fails, its folder has the rounds, the arrivals and the log.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from broker.clock import SystemClock
from tests.fakes.command_line import command
from tests.line.chaos_crowd import Crowd
from tests.line.chaos_faults import FAULTS, Victim, draw
from tests.line.chaos_judgement import Judgement, judge, read_store
from tests.line.chaos_publishers import Publishers
from tests.line.chaos_receiver import ReceiverProcess
from tests.line.process import DaemonProcess, a_free_port
from tests.line.stepped_clock import SteppedClock

SEED: Final = int(os.environ.get("AMS_BRIDGE_CHAOS_SEED", "20261129"))
ROUNDS: Final = int(os.environ.get("AMS_BRIDGE_CHAOS_ROUNDS", "200"))
LONGEST_S: Final = float(os.environ.get("AMS_BRIDGE_CHAOS_LONGEST_S", "840"))
"""A machine that is slow gets through fewer rounds in this time, and the summary says how many."""

RECOVERS_WITHIN_S: Final = 30.0
SETTLES_WITHIN_S: Final = 120.0
CLOCK: Final = SystemClock()
TOKEN: Final = "chaos-token"
CONFIG: Final = """
server: {{listen: "127.0.0.1:{port}", tls: off}}
store: sqlite:state/bridge.db
auth: {{service_token: {token}}}
log: {{level: warning, format: json}}
projects: {{P: {{topics: {{T: {{}}}}}}}}
destinations:
  hook:
    type: webhook
    url: "{url}"
    rate: null
    concurrency: 8
    timeout: 1s
    retry: {{attempts: 1000, base: 50ms, max: 500ms}}
    breaker: {{failures: 5, probe_every: 100ms}}
"""


@pytest.mark.proof
@pytest.mark.timeout(LONGEST_S + 300)
def test_whatever_goes_wrong_what_was_acknowledged_arrives_in_order_and_is_decided_once(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    rng = random.Random(SEED)  # noqa: S311 - repeatable, not secret
    port = a_free_port()
    with _victim(tmp_path, port, rng) as victim:
        publishers = Publishers(port, TOKEN, rng)
        publishers.start()
        try:
            rounds = _go_through(victim, publishers)
        finally:
            publishers.finish()
        _settle(victim, f"http://127.0.0.1:{port}")
        assert victim.daemon.stop() == 0
        acknowledged, arrivals = publishers.acknowledged, victim.receiver.arrivals()
        found = judge(acknowledged, arrivals, read_store(tmp_path), victim.ended_at_s)
    record_property("counted", _summary(rounds, victim, publishers, found))
    unsent = [one for one in arrivals if not publishers.was_sent(one.key, one.n)]
    assert not unsent, f"what nobody sent in full arrived: {unsent[:5]}"
    for what in ("lost", "decided_twice", "out_of_order", "needless", "strange"):
        cases = getattr(found, what)
        assert not cases, f"seed {SEED}: {len(cases)} {what}: {cases[:5]}"
    assert found.repeats, "nothing came twice: no kill and no unclear try hit anything"


@contextmanager
def _victim(folder: Path, port: int, rng: random.Random) -> Iterator[Victim]:
    """A daemon that runs, with everything around it; all of it is ended in the end."""
    with ExitStack() as stack:
        receiver = ReceiverProcess(folder, rng.randrange(1 << 30))
        stack.callback(receiver.kill)
        receiver.start()
        clock = SteppedClock(folder / "clock-offset")
        stack.callback(clock.close)
        config = folder / "bridge.yaml"
        config.write_text(CONFIG.format(port=port, token=TOKEN, url=receiver.url))
        (folder / "rules.d").mkdir()
        daemon = DaemonProcess(config, cwd=folder, prelude=clock.prelude)
        stack.callback(daemon.close)
        crowd = Crowd(port, TOKEN, rng)
        stack.callback(crowd.close)
        victim = Victim(folder, daemon, receiver, crowd, clock, rng)
        victim.write_good_rules()
        daemon.start()
        yield victim


def _go_through(victim: Victim, publishers: Publishers) -> int:
    """Go through all rounds, and say how many they were. After each the daemon has to take messages again."""
    began = CLOCK.monotonic()
    for number in range(ROUNDS):
        faults = draw(victim.rng)
        with (victim.folder / "rounds.txt").open("a") as file:
            file.write(f"{CLOCK.monotonic() - began:.2f} s: round {number}: {', '.join(faults)}\n")
        try:
            _go_through_one(victim, publishers, faults)
        except BaseException as error:
            error.add_note(f"in round {number} of seed {SEED}, with {faults}; the daemon: {victim.daemon.log[-3000:]}")
            raise
        if CLOCK.monotonic() - began > LONGEST_S:
            return number + 1
    return ROUNDS


def _go_through_one(victim: Victim, publishers: Publishers, faults: list[str]) -> None:
    with ExitStack() as stack:
        for name in faults:
            stack.enter_context(FAULTS[name][0](victim))
            victim.counts[name] += 1
        victim.pause(0.6)
    count = victim.rng.randint(1, 15)
    assert publishers.wait_for_more(count, RECOVERS_WITHIN_S), f"nothing is taken any more: {publishers.refused}"


def _settle(victim: Victim, base_url: str) -> None:
    """Without any fault, return once nothing waits; bounded. The clock stays as it was set last."""
    victim.crowd.close()
    victim.receiver.kill()
    victim.receiver.start(calm=True)
    ends = CLOCK.monotonic() + SETTLES_WITHIN_S
    topic: Any = None
    with httpx.Client(base_url=base_url, headers={"x-api-key": TOKEN}, timeout=30) as http:
        while CLOCK.monotonic() < ends:
            (topic,) = http.get("/api/ledger").raise_for_status().json()["topics"]
            if not topic["messages"]["undecided"] and not topic["sends"]["waiting"]:
                said = command("ledger", "--url", base_url, "--token", TOKEN)
                assert (said.code, "the books balance" in said.words) == (0, True), said
                return
            CLOCK.pause(0.2)
    raise AssertionError(f"it never came to rest: {topic}; seed {SEED}; {victim.daemon.log[-3000:]}")


def _summary(rounds: int, victim: Victim, publishers: Publishers, found: Judgement) -> str:
    faults = ", ".join(f"{n} {name}" for name, n in sorted(victim.counts.items()))
    refused = ", ".join(f"{n} {name}" for name, n in sorted(publishers.refused.items()))
    return (
        f"chaos: seed {SEED}, {rounds} rounds; faults: {faults}; acknowledged {found.acknowledged} "
        f"(not: {refused or 'none'}), arrived {found.arrived}, repeats {found.repeats}, lost {len(found.lost)}, "
        f"out of order {len(found.out_of_order)}, decided twice {len(found.decided_twice)}"
    )
