"""Metrics for Prometheus, named ``ams_bridge_*`` with their unit. Labels are names of settings and rules only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import assert_never

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.registry import Collector

from bridge.core.label_bounds import MOST_NAMED, OTHERS, LabelBound
from bridge.core.posts import trace_of_post
from bridge.core.tracing import TraceContext, exemplar_of
from bridge.delivery.attempts import AttemptResult
from bridge.delivery.collapse.worker import Collapsed
from bridge.destinations.base import Delivered, Later, Outcome, Refused
from bridge.observe.exposition import Exposition, write_exposition
from bridge.observe.subscription_lag import SubscriptionMetrics, SubscriptionState
from bridge.routing.ledger import TopicBooks
from bridge.routing.router import Routed
from broker.model import Balance, SettleDead

_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_AGES_S = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 1800.0, 3600.0, 21600.0, 86400.0)


class _ApiMetrics:
    """What the AMS API answered, and how fast."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.answers = Counter(
            "ams_bridge_api_answers", "Answers of the AMS API", ["route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "ams_bridge_api_seconds", "Time to answer on the AMS API", ["route"], buckets=_SECONDS, registry=registry
        )
        self._known: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def count_answer(self, route: str, status: int, seconds: float, trace: TraceContext | None) -> None:
        """Count one answer. Looking up labels costs more than counting, so what was looked up once is kept."""
        known = self._known.get((route, status))
        if known is None:
            known = self._known[route, status] = (
                self.answers.labels(route, str(status)),
                self.seconds.labels(route),
            )
        known[0].inc()
        known[1].observe(seconds, exemplar_of(trace))


class _TryMetrics:
    """How destinations answered, and how fast."""

    def __init__(self, registry: CollectorRegistry, destinations: LabelBound) -> None:
        self._destinations = destinations
        self._tries = Counter("ams_bridge_tries", "Tries by outcome", ["destination", "outcome"], registry=registry)
        self._seconds = Histogram(
            "ams_bridge_try_seconds", "Time of a try", ["destination"], buckets=_SECONDS, registry=registry
        )
        self._age_s = Histogram(
            "ams_bridge_delivered_age_seconds",
            "Decided to delivered",
            ["destination"],
            buckets=_AGES_S,
            registry=registry,
        )
        self._dead = Counter("ams_bridge_dead_letters", "Deliveries given up", ["destination"], registry=registry)
        self._known: dict[tuple[str, str], tuple[Counter, Histogram]] = {}
        self._known_ages: dict[str, Histogram] = {}

    def count_attempt(self, tried: AttemptResult) -> None:
        """Count one try, with labels that are looked up once: see _ApiMetrics."""
        outcome, destination = _word_of(tried.outcome), tried.destination
        known = self._known.get((destination, outcome))
        if known is None:
            named = self._destinations.name_of(destination)
            known = self._tries.labels(named, outcome), self._seconds.labels(named)
            self._known[destination, outcome] = known
        exemplar = exemplar_of(trace_of_post(tried.delivery.new.post))
        known[0].inc()
        known[1].observe(tried.took_s, exemplar)
        if outcome == "delivered":
            ages = self._known_ages.get(destination)
            if ages is None:
                named = self._destinations.name_of(destination)
                ages = self._known_ages[destination] = self._age_s.labels(named)
            ages.observe(tried.age_s, exemplar)
        if isinstance(tried.settlement, SettleDead):
            self._dead.labels(self._destinations.name_of(destination)).inc()

    def begin(self, destination: str) -> None:
        """Show 0 dead letters of a destination: Prometheus sees no increase in a counter that begins at 1."""
        self._dead.labels(self._destinations.name_of(destination))


def _word_of(outcome: Outcome) -> str:
    match outcome:
        case Delivered():
            return "delivered"
        case Later():
            return "unclear" if outcome.unclear else "later"
        case Refused():
            return "refused"
        case _:
            assert_never(outcome)


class _FoldMetrics:
    """Posts that became one."""

    def __init__(self, registry: CollectorRegistry, destinations: LabelBound) -> None:
        self._destinations = destinations
        self._deliveries = Counter(
            "ams_bridge_folded_deliveries",
            "Deliveries folded into a digest, or cancelled with one",
            ["destination", "state"],
            registry=registry,
        )
        self._digests = Counter(
            "ams_bridge_digests", "Digests made of deliveries that waited", ["destination"], registry=registry
        )

    def count_collapse(self, folded: Collapsed) -> None:
        """A digest was made."""
        named = self._destinations.name_of(folded.destination)
        self._digests.labels(named).inc()
        self._deliveries.labels(named, "folded").inc(folded.folded)
        self._deliveries.labels(named, "cancelled").inc(folded.cancelled)


_BOOK_FATES = ("unmatched", "dropped", "decided", "undecided", "unrouted", "expired")


class _BookMetrics:
    """The books of each topic: those that do not balance and those that received most by name."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._messages = Gauge("ams_bridge_messages", "The first book", ["topic", "fate"], registry=registry)
        self._balanced = Gauge(
            "ams_bridge_books_balanced", "1 when both books of a topic balance", ["topic"], registry=registry
        )

    def show(self, books: Sequence[TopicBooks]) -> None:
        """All books as they stand."""
        self._messages.clear()
        self._balanced.clear()
        ordered = sorted(books, key=lambda book: (book.balanced, -book.messages.received, book.topic))
        for book in ordered[:MOST_NAMED]:
            for fate in _BOOK_FATES:
                self._messages.labels(book.topic, fate).set(getattr(book.messages, fate))
            self._balanced.labels(book.topic).set(book.balanced)
        rest = ordered[MOST_NAMED:]
        if rest:
            for fate in _BOOK_FATES:
                self._messages.labels(OTHERS, fate).set(sum(getattr(book.messages, fate) for book in rest))
            self._balanced.labels(OTHERS).set(all(book.balanced for book in rest))


class Metrics:
    """All counters of one daemon. What the books hold is read when asked for; the rest is counted as it happens."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self._topics, self._destinations = LabelBound(), LabelBound()
        self._hooks = Counter(
            "ams_bridge_webhook_calls", "Webhook calls by status", ["source", "status"], registry=registry
        )
        self._refused = Counter(
            "ams_bridge_source_refused_messages",
            "Pulled messages that their topic refused, put aside as dead letters",
            ["source"],
            registry=registry,
        )
        self._api = _ApiMetrics(registry)
        self._buttons = Counter(
            "ams_bridge_button_clicks", "Clicks on chat buttons", ["action", "outcome"], registry=registry
        )
        self._decided = Counter("ams_bridge_decided_messages", "Messages decided", ["topic"], registry=registry)
        self._deliveries = Counter("ams_bridge_decided_deliveries", "Deliveries decided", ["topic"], registry=registry)
        self._troubles = Counter(
            "ams_bridge_rule_troubles", "What went wrong in rules", ["topic", "kind"], registry=registry
        )
        self._decide_s = Histogram(
            "ams_bridge_decide_seconds", "Time to decide a batch", buckets=_SECONDS, registry=registry
        )
        self._try = _TryMetrics(registry, self._destinations)
        self._fold = _FoldMetrics(registry, self._destinations)
        self.reloads = Counter("ams_bridge_reloads", "Reloads by result", ["result"], registry=registry)
        for result in ("ok", "refused"):
            self.reloads.labels(result)
        self._breaker = Gauge(
            "ams_bridge_breaker_open", "1 while the breaker is open", ["destination"], registry=registry
        )
        self._state = Gauge("ams_bridge_deliveries", "Deliveries by state", ["destination", "state"], registry=registry)
        self._books = _BookMetrics(registry)
        self._subscriptions = SubscriptionMetrics(registry)
        self.degraded = Gauge(
            "ams_bridge_rules_degraded", "1 while other rules are in force than the files say", registry=registry
        )

    def watch(self, *others: Collector) -> None:
        """Tell Prometheus also what others know, as it stands when it asks."""
        for other in others:
            self.registry.register(other)

    def count_hook_call(self, source: str, status: int) -> None:
        """Count a webhook call that was answered."""
        self._hooks.labels(source, str(status)).inc()

    def count_refused_message(self, source: str) -> None:
        """Count a message that a source brought and its topic refused, and that was put aside."""
        self._refused.labels(source).inc()

    def count_api_answer(self, route: str, status: int, seconds: float, trace: TraceContext | None = None) -> None:
        """Count an answer of the AMS API; ``route`` is the route's name, "" when there is none."""
        self._api.count_answer(route, status, seconds, trace)

    def count_click(self, action: str, outcome: str) -> None:
        """Count a click on a chat button; ``action`` is "" when nobody can tell which."""
        self._buttons.labels(action, outcome).inc()

    def count_batch(self, batch: Routed) -> None:
        """Count a batch that a router committed."""
        topic = self._topics.name_of(batch.topic)
        self._decided.labels(topic).inc(batch.messages)
        self._deliveries.labels(topic).inc(batch.deliveries)
        self._decide_s.observe(batch.took_s, exemplar_of(batch.trace))
        for kind, n in batch.counts.items():
            self._troubles.labels(topic, kind).inc(n)

    def count_attempt(self, tried: AttemptResult) -> None:
        """Count a try that a courier settled."""
        self._try.count_attempt(tried)

    def count_collapse(self, folded: Collapsed) -> None:
        """Count a digest that a courier made of many posts."""
        self._fold.count_collapse(folded)

    async def render_page(
        self,
        accept: str,
        books: Callable[[], Awaitable[Sequence[TopicBooks]]],
        balances: Callable[[], Awaitable[Sequence[Balance]]],
        breakers: Callable[[], dict[str, bool]],
        subscriptions: Callable[[], Awaitable[Sequence[SubscriptionState]]],
    ) -> Exposition:
        """The page of metrics that Prometheus reads, in the form that it accepts."""
        self._state.clear()
        for balance in await balances():
            named = self._destinations.name_of(balance.destination)
            self._state.labels(named, balance.state).inc(balance.deliveries)
        self._books.show(await books())
        self._subscriptions.show(await subscriptions())
        self._breaker.clear()
        for name, is_open in breakers().items():
            self._breaker.labels(name).set(is_open)
            self._try.begin(name)
        return write_exposition(self.registry, accept)
