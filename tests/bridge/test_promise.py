"""If we said it fires, we will say it is over: over random lives of events, silences, edits, restarts and trouble."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, Final, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from broker.engines.memory.trouble import Trouble
from broker.errors import OutcomeUnknown, StoreError
from rules.deciding.quiet.rows import KeyRow
from tests.fakes.lives import Config, Life, beliefs, believed, tokens_of

DOWN = """
topic: [projects/P/topics/T, projects/P/topics/OTHER]
rules:
  - name: down
    match: {$.what: site, $.status: CRITICAL}
    resolved: {$.what: site, $.status: OK}
    key: "{{ data.k }}"
    forget_after: 40m
    send: ops
    text: "[{{ phase }}:D:{{ key }}]"
"""
ALERT = """
  - name: NAME
    match: {$.what: alert, $.status: CRITICAL}
    resolved: {$.what: alert, $.status: OK}
    key: "{{ data.k }}"
    forget_after: 40m
    text: "[{{ phase }}:A:{{ key }}]"
    send: SEND
"""
TOLD: Final = {  # in these, all that fires is told
    "plain": "",
    "dedupe": "dedupe: 10m",
    "hours": "hours: office",
    "not_hours": "not_hours: office",
    "group": "group: {by: [$.k], wait: 30s, every: 5m, max: 3}",
    "group of all": "group: {wait: 2m}",
    "digest": "throttle: 2/10m",
    "delay": "throttle: 2/10m\n    overflow: delay",
    "repeat": "repeat: 15m",
    "flapping": "flapping: {changes: 3, within: 30m}",
    "escalate": "escalate: [{after: 10m, to: mail}, {after: 20m, to: ops, unless: over}]",
    "inhibited": "inhibited_by: {rule: down, same: [$.k]}",
    "much": "dedupe: 5m\n    repeat: 30m\n    hours: office\n    flapping: {changes: 4, within: 20m}\n"
    "    inhibited_by: {rule: down}\n    group: {wait: 1m, max: 2}",
}
QUIETER: Final = {
    "for": "for: 10m",
    "count": "count: {at_least: 2, within: 5m}",
    "for, count, group": "for: 1m\n    count: {at_least: 2, within: 1h}\n    group: {wait: 1m}",
    "shadow": "shadow: true",
    "shadow group": "shadow: true\n    group: {wait: 1m}",
    "drop": "throttle: 1/10m\n    overflow: drop",
}
BOTH = ("ops", "mail")


def alert(quiet: str = "", send: str = "[ops, mail]", name: str = "a", was: str = "") -> str:
    """The alert rule in one of its forms."""
    lines = [f"    {quiet}\n" if quiet else "", f"    was: [{was}]\n" if was else ""]
    return DOWN + ALERT.replace("SEND", send).replace("NAME", name) + "".join(lines)


CONFIGS: Final = {
    **{name: Config(alert(quiet)) for name, quiet in {**TOLD, **QUIETER}.items()},
    "other end": Config(alert().replace("$.what: alert, $.status: OK", "$.what: alert, $.status: UP")),
    "other key": Config(
        alert().replace('key: "{{ data.k }}"\n    forget_after: 40m\n    text', 'key: "x-{{ data.k }}"\n    text')
    ),
    "other key, group": Config(
        alert(TOLD["group"]).replace(
            'key: "{{ data.k }}"\n    forget_after: 40m\n    text', 'key: "x-{{ data.k }}"\n    text'
        )
    ),
    "mail by escalation": Config(alert("escalate: [{after: 10m, to: mail}]", send="ops")),
    "removed": Config(DOWN),
    "renamed": Config(alert(name="b", was="a")),
    "renamed, other end": Config(alert(name="b", was="a").replace("alert, $.status: OK", "alert, $.status: UP")),
    "renamed back": Config(alert(name="a", was="b")),
    "one topic": Config(
        alert().replace("    match: {$.what: alert", "    topic: projects/P/topics/T\n    match: {$.what: alert")
    ),
    "ops only": Config(alert(send="ops")),
    "mail moved": Config(alert(send="ops"), ("ops",), (("mail", "ops"),)),
    "mail dead": Config(alert(send="ops"), ("ops",), (("mail", ""),)),
    "mail gone": Config(alert(send="ops"), ("ops",)),
    "mail gone, rule too": Config(DOWN, ("ops",), (("mail", "ops"),)),
}

Step: TypeAlias = tuple[Any, ...]

KEYS = st.sampled_from(["k", "k", "k", "l"])
events = st.tuples(
    st.just("event"),
    st.sampled_from(["T", "T", "OTHER"]),
    st.sampled_from(["alert", "alert", "alert", "site"]),
    KEYS,
    st.sampled_from(["CRITICAL", "CRITICAL", "OK", "UP"]),
)
steps = st.one_of(
    events,
    events,
    events,
    st.tuples(st.just("wait"), st.sampled_from([0.01, 1.0, 31.0, 61.0, 301.0, 900.0, 3_700.0])),
    st.tuples(
        st.just("silence"),
        st.sampled_from([{"rule": {"like": "*"}}, {"destination": "ops"}, {"key": "k"}, {"$.k": "k"}, {"rule": "a"}]),
        st.sampled_from([60.0, 1_800.0, 100_000.0]),
        st.booleans(),
    ),
    st.tuples(st.just("lift"), st.integers(0, 3)),
    st.tuples(st.just("reload"), st.sampled_from(list(CONFIGS))),
    st.tuples(st.just("read"), st.sampled_from(BOTH), st.sampled_from(["delivered", "delivered", "unclear", "leased"])),
    st.tuples(st.just("turns"), st.integers(0, 12)),
    st.tuples(st.just("crash"), st.integers(0, 12)),
    st.tuples(
        st.just("trouble"),
        st.sampled_from(["commit", "state.read", "log.read", "cursors.get", "state.due"]),
        st.sampled_from(["unavailable", "stored", "not stored"]),
        st.integers(0, 2),
    ),
)
lives = st.lists(steps, min_size=1, max_size=25)


async def take(life: Life, step: Step) -> None:
    """One thing happens; what a person asked for may fail with the store."""
    try:
        match step:
            case ("event", topic, what, key, status):
                await life.publish(topic, {"what": what, "k": key, "status": status})
            case ("wait", seconds):
                await life.passes(seconds)
            case ("silence", matchers, for_s, keep_waiting):
                await life.passes(0.001)
                await life.silence(matchers, for_s, keep_waiting=keep_waiting)
            case ("lift", number):
                await life.passes(0.001)
                await life.lift(number)
            case ("reload", name):
                await life.passes(0.001)
                await life.reload(CONFIGS[name])
            case ("read", destination, become):
                await life.readers_take(destination, 5, become)
            case ("turns", turns):
                await life.passes(0.0, turns)
            case ("crash", turns):
                await life.passes(0.0, turns)
                await life.crash()
                life.store.gate.heal()
                await life.passes(0.001)
                await life.start()
            case ("trouble", call, outcome, skip):
                life.store.gate.add(Trouble(call, outcome, skip=skip))
    except (StoreError, OutcomeUnknown):
        life.store.gate.heal()


async def come_to_rest(life: Life) -> None:
    """Nothing fails or is silenced any more, and readers take all there is."""
    life.store.gate.heal()
    await life.passes(0.001)
    await life.lift_all()
    await life.passes(1.0, 200)


async def everything_ends(life: Life) -> None:
    """Every alert is over, in every form that says so; then nothing comes for so long that all is forgotten."""
    for topic in ("T", "OTHER"):
        for key in ("k", "l"):
            for what, status in (("site", "OK"), ("alert", "OK"), ("alert", "UP")):
                await life.publish(topic, {"what": what, "k": key, "status": status})
    await life.passes(1.0, 200)
    open_ones = [row.key for row, kept in await life.rows() if isinstance(kept, KeyRow) and is_open(kept)]
    assert not open_ones, ("every form was told that it is over", open_ones)
    await life.passes(5 * 3_600.0)


def is_open(row: KeyRow) -> bool:
    """Whether the row holds an incident that fires."""
    return row.incident is not None and row.incident.fires


def check_history(life: Life, deliveries: Any) -> None:
    """Nobody hears that something is over of which they never heard that it fires; no decided send comes twice."""
    assert max(Counter(one.new.unique_key for one in deliveries).values(), default=1) == 1
    moved = {name for move in life.moves for name in move}
    open_posts: Counter[tuple[str, str, str]] = Counter()
    for delivery in deliveries:
        destination = delivery.new.destination
        if destination in life.given_up | moved:
            continue
        for phase, line, key in tokens_of(delivery):
            about = (line, key, destination)
            if phase in ("resolved", "stale"):
                assert open_posts[about], (about, "over, and never told", [tokens_of(one) for one in deliveries])
                open_posts[about] = 0
            else:
                open_posts[about] += 1


def check_all_over(life: Life, deliveries: Any) -> None:
    """Everybody who believes that something fires is wrong, but for destinations that were given up."""
    wrong = {about for about in believed(beliefs(deliveries)) if about[2] not in life.given_up}
    moved = dict(life.moves)
    heard = beliefs(deliveries)
    for line, key, destination in sorted(wrong):
        home = moved.get(destination)
        assert home is not None, (line, key, destination, [tokens_of(one) for one in deliveries])
        assert heard.get((line, key, home)) in ("resolved", "stale"), (line, key, destination)


async def live(name: str, script: list[Step]) -> None:
    """A life with these steps, and what must be true at its end."""
    life = Life(CONFIGS[name])
    await life.begin()
    await life.passes()
    for step in script:
        await take(life, step)
    await come_to_rest(life)
    await life.check_books()
    waiting = {name for row, _ in await life.rows() for name in row.waits_for if name.startswith("silence:")}
    assert not waiting, ("lifted, and not noticed", waiting)
    await everything_ends(life)
    await life.check_books()
    rows = await life.rows()
    assert all(row.due_us is None for row, _ in rows), rows
    deliveries = await life.deliveries()
    check_history(life, deliveries)
    check_all_over(life, deliveries)
    await life.crash()


FOUND: Final = [
    (
        "plain",  # a firing that nobody heard of, taken back by a silence while its end waits behind it
        [
            ("event", "T", "alert", "k", "CRITICAL"),
            ("turns", 12),
            ("event", "T", "alert", "k", "OK"),
            ("wait", 1.0),
            ("silence", {"destination": "ops"}, 60.0, False),
        ],
    ),
    (
        "group",  # the same, with the end held in the group
        [
            ("event", "T", "alert", "k", "CRITICAL"),
            ("wait", 31.0),
            ("event", "T", "alert", "k", "OK"),
            ("wait", 1.0),
            ("silence", {"destination": "ops"}, 60.0, False),
        ],
    ),
    (
        "plain",  # edited in its key, then removed, while incidents of both forms are open
        [
            ("event", "T", "alert", "k", "CRITICAL"),
            ("reload", "other key"),
            ("event", "OTHER", "alert", "k", "CRITICAL"),
            ("reload", "removed"),
            ("crash", 3),
        ],
    ),
    (
        "plain",  # told at a destination that leaves, and comes back
        [
            ("event", "T", "alert", "k", "CRITICAL"),
            ("read", "mail", "delivered"),
            ("reload", "mail moved"),
            ("event", "T", "alert", "k", "CRITICAL"),
            ("reload", "plain"),
        ],
    ),
]


@pytest.mark.parametrize(("name", "script"), FOUND)
def test_lives_that_once_went_wrong_or_nearly_did(name: str, script: list[Step]) -> None:
    with capture_logs():
        asyncio.run(live(name, script))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.sampled_from(list(CONFIGS)), lives)
def test_if_we_said_it_fires_we_say_it_is_over_whatever_happens(name: str, script: list[Step]) -> None:
    with capture_logs():
        asyncio.run(live(name, script))
