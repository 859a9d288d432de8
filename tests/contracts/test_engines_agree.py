"""Whatever is asked of a store in memory and of a real one, they answer alike: commits, state, catalog, sweeps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from broker.clock import ManualClock
from broker.engines import open_store
from broker.errors import BrokerError
from broker.model import (
    CatalogChange,
    Commit,
    Cursor,
    CursorMove,
    DeliveryQuery,
    Put,
    Remove,
    SettleAgain,
    SettleDead,
    SettleDelivered,
    StateDelete,
    StatePut,
    SweepPolicy,
)
from broker.store import Store
from tests.contracts.builders import OTHER_TOPIC, TOPIC, a_decision, a_delivery, a_project, an_attempt
from tests.contracts.engines import QUICK_FOLDER
from tests.contracts.machine import SETTINGS, a_fresh_url

_S = 1_000_000
_KEYS = st.sampled_from(["a", "b", "b/1", "c"])
_TOPICS = st.sampled_from([TOPIC, OTHER_TOPIC])
_RULES = st.sampled_from(["r1", "r2"])
_IN_S = st.sampled_from([None, 0, 5, 50])
_NAMES = st.integers(0, 15).map("d{}".format)
_WAITS = st.sampled_from(["a", "b", "ab"])
_ANY = st.integers(0, 10_000)


class TwoStores(RuleBasedStateMachine):
    """The same calls, to both: one in memory, and one of ``kind``."""

    kind = "sqlite"

    def __init__(self) -> None:
        super().__init__()
        self._folder = TemporaryDirectory(dir=QUICK_FOLDER)
        self._loop = asyncio.new_event_loop()
        self.clock = ManualClock()
        urls = ("memory", a_fresh_url(self.kind, self._folder.name))
        self.stores = [self._run(open_store(url, self.clock)) for url in urls]
        self.versions: dict[str, int] = {}
        self.tokens: list[str] = []

    def _run(self, call: Awaitable[Any]) -> Any:
        async def awaited() -> Any:
            return await call

        return self._loop.run_until_complete(awaited())

    def both(self, call: Callable[[Store], Awaitable[Any]]) -> Any:
        """Ask both; the same answer, or the same error with the same words."""
        answers = []
        for store in self.stores:
            try:
                answers.append(self._run(call(store)))
            except BrokerError as error:
                answers.append((type(error), str(error)))
        assert answers[0] == answers[1]
        return answers[0]

    def teardown(self) -> None:
        for store in self.stores:
            self._run(store.close())
        self._run(self._loop.shutdown_default_executor())
        self._loop.close()
        self._folder.cleanup()

    def _at(self, in_s: int | None) -> int | None:
        return None if in_s is None else self.clock.wall_us() + in_s * _S

    @rule(seconds=st.sampled_from([1, 10, 60]))
    def wait(self, seconds: int) -> None:
        self._run(self.clock.advance(seconds, turns=1))

    @rule(by_s=st.sampled_from([-(10**8), -3_600, -7, 7, 3_600, 10**8]))
    def set_clock(self, by_s: int) -> None:
        self.clock.step(by_s)

    @rule(
        puts=st.lists(
            st.tuples(_KEYS, _RULES, _TOPICS, _IN_S, st.sampled_from([2, 20, 10**6]), st.lists(_WAITS, max_size=2)),
            max_size=3,
        ),
        deletes=st.lists(_KEYS, max_size=1),
        reads=st.lists(_KEYS, max_size=2),
        stale=st.booleans(),
        wake=st.sampled_from([(), (), ("a",), ("b", "c"), ("*",)]),
    )
    def change_state(
        self, puts: list[Any], deletes: list[str], reads: list[str], stale: bool, wake: Sequence[str]
    ) -> None:
        state: list[StatePut | StateDelete] = [StateDelete(key) for key in deletes]
        for key, by_rule, topic, due_s, expires_s, waits_for in puts:
            expires_us = self.clock.wall_us() + expires_s * _S
            state.append(StatePut(key, b"v", by_rule, topic, expires_us, self._at(due_s), tuple(waits_for)))
        rest_on = {key: self.versions.get(key, 0) + (stale and key == "a") for key in reads}
        self.both(lambda store: store.commit(Commit(state=state, reads=rest_on, wake=wake)))

    @rule(keys=st.lists(_KEYS, max_size=3))
    def read_state(self, keys: list[str]) -> None:
        rows = self.both(lambda store: store.state.read(keys))
        self.versions.update((key, row.version) for key, row in rows.items())

    @rule(
        names=st.lists(_NAMES, max_size=3),
        topic=_TOPICS,
        become=st.sampled_from(["waiting", "dead", "shadow"]),
        rev=st.integers(0, 2),
    )
    def decide(self, names: list[str], topic: str, become: str, rev: int) -> None:
        news = [a_delivery(name, topic_uid=topic, order_key=name[-1], due_us=self.clock.wall_us()) for name in names]
        cursor = self.both(lambda store: store.cursors.get("r/x"))
        move = CursorMove(Cursor("r/x", 1, rev - 1 + (cursor.rev if cursor else 0)))
        commit = Commit(
            cursors=[move] if rev else [],
            deliveries=news if become == "waiting" else (),
            dead=news if become == "dead" else (),
            shadows=news if become == "shadow" else (),
            decisions=[a_decision(rule=name, at_us=self.clock.wall_us(), topic_uid=topic) for name in names],
            counters={(topic, "n"): len(names)},
            withdraw={"d1": "silence", "d2": "silence"} if len(names) == 3 else {},
        )
        self.both(lambda store: store.commit(commit))

    @rule(limit=st.integers(1, 5))
    def lease(self, limit: int) -> None:
        leased = self.both(lambda store: store.outbox.lease("ops", limit, 30))
        self.tokens.extend(one.token for one in leased)

    @rule(pick=_ANY, settlement=st.sampled_from([SettleDelivered("r"), SettleAgain(0, "plain"), SettleDead("x")]))
    def settle(self, pick: int, settlement: Any) -> None:
        if self.tokens:
            token = self.tokens[pick % len(self.tokens)]
            attempt = an_attempt(counted=bool(pick % 2), unclear=bool(pick % 3))
            self.both(lambda store: store.outbox.settle(token, settlement, attempt if pick % 5 else None))

    @rule(names=st.lists(_NAMES, max_size=4), how=st.sampled_from(["replay", "drop", "fold", "give back"]), pick=_ANY)
    def intervene(self, names: list[str], how: str, pick: int) -> None:
        tokens = [self.tokens[pick % len(self.tokens)]] if self.tokens and pick % 2 else []
        if how == "replay":
            self.both(lambda store: store.outbox.replay(names))
        elif how == "drop":
            self.both(lambda store: store.outbox.drop(names, "sam"))
        elif how == "fold":
            order_key = "(digest)" if pick % 3 else names[0][-1] if names else "1"
            digest = a_delivery(f"digest{pick}", order_key=order_key, stands_for=0)
            self.both(lambda store: store.outbox.fold(tokens, names, digest, names[1:2]))
        else:
            self.both(lambda store: store.outbox.give_back(tokens))

    @rule(key=_KEYS, version=st.integers(0, 2), old=st.sampled_from([None, "a", "c"]), remove=st.booleans())
    def change_catalog(self, key: str, version: int, old: str | None, remove: bool) -> None:
        first: CatalogChange = Put(key, a_project(key), version, old)
        changes = [first, Remove("project", "c", 1)] if remove else [first]
        self.both(lambda store: store.catalog.write(changes))

    @rule(ago_s=st.sampled_from([0, 20]), limit=st.sampled_from([2, 1_000]))
    def sweep(self, ago_s: int, limit: int) -> None:
        now_us = self.clock.wall_us()
        self.both(lambda store: store.sweep(SweepPolicy(now_us, now_us - ago_s * _S, now_us, limit)))

    @invariant()
    def everything_looks_the_same(self) -> None:
        now_us = self.clock.wall_us()
        self.both(lambda store: store.outbox.find(DeliveryQuery()))
        self.both(lambda store: store.outbox.find(DeliveryQuery(state="shadow")))
        self.both(lambda store: store.outbox.balances())
        self.both(lambda store: store.outbox.balances(0))
        self.both(lambda store: store.outbox.find(DeliveryQuery(into="digest1")))
        self.both(lambda store: store.outbox.next_due_us("ops"))
        self.both(lambda store: store.outbox.measure_waiting("ops", 5))
        self.both(lambda store: store.outbox.backlog("ops", None, 3))
        self.both(lambda store: store.outbox.receipt("ops", "1"))
        self.both(lambda store: store.outbox.read("d1"))
        self.both(lambda store: store.state.list("", 100))
        self.both(lambda store: store.state.list("b", 100))
        self.both(lambda store: store.state.list("", 2, "a"))
        self.both(lambda store: store.state.counts())
        self.both(lambda store: store.catalog.list("project"))
        self.both(lambda store: store.catalog.list("project", "b"))
        self.both(lambda store: store.catalog.seq())
        self.both(lambda store: store.decisions.list_after(0, 100))
        self.both(lambda store: store.counters())
        for topic in (TOPIC, OTHER_TOPIC):
            self.both(lambda store, topic=topic: store.state.due(topic, now_us, 10))  # type: ignore[misc]
            self.both(lambda store, topic=topic: store.state.next_due_us(topic))  # type: ignore[misc]


class MemoryAndPostgres(TwoStores):
    kind = "postgres"


class TestSqlite(TwoStores.TestCase):  # type: ignore[misc, name-defined]
    settings = SETTINGS


class TestPostgres(MemoryAndPostgres.TestCase):  # type: ignore[misc, name-defined]
    settings = SETTINGS
