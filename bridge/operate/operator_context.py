"""What use cases of operators read and change, and who asks for them; handed in by whoever assembles the daemon."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bridge.core.audit import AuditEntry, AuditTrail
from bridge.core.password_gate import PasswordGate
from bridge.core.passwords import Passwords
from bridge.core.supervisor import Supervisor
from bridge.delivery.courier import Courier
from bridge.destinations.base import Destination
from bridge.observe.health import HealthReport
from bridge.observe.recent_activity import RecentActivity
from bridge.observe.subscription_lag import SubscriptionState
from bridge.operate.operator_errors import AmsRefused
from bridge.operate.reload_outcome import ReloadOutcome
from bridge.operate.rights import Role
from bridge.operate.rule_previews import RuleChanging
from bridge.operate.search_filling import SearchFilling
from bridge.routing.active_config import ActiveConfig
from broker.broker import Broker
from broker.clock import Clock
from broker.records import Project
from broker.store import Store
from broker.tokens import Entropy


async def no_subscriptions(project: Project | None) -> Sequence[SubscriptionState]:
    """A daemon whose topics nobody reads but its rules."""
    return []


@dataclass(frozen=True, slots=True)
class Requester:
    """The person or program that asks: the name, the ``address`` for the audit trail, and the role.

    ``user_uid`` is the AMS user's whose token was shown, ``person_uid`` the person's; both "" for the service token.
    """

    who: str
    address: str = ""
    role: Role = "viewer"
    user_uid: str = ""
    person_uid: str = ""


class AskAms(Protocol):
    """Calls a route of the AMS API as whoever asks, with the rights that they have there, by the route's name.

    Raises AmsRefused, StoreUnavailable.
    """

    def __call__(
        self,
        by: Requester,
        route: str,
        names: Mapping[str, str],
        body: Any = None,
        query: Mapping[str, str] | None = None,
    ) -> Awaitable[Any]:
        """The answer as plain values, as it stands in JSON."""


async def refuse_ams(
    by: Requester, route: str, names: Mapping[str, str], body: Any = None, query: Mapping[str, str] | None = None
) -> Any:
    """Refuse every call: for a daemon without the AMS API."""
    raise AmsRefused(404, "this daemon has no AMS API")


@dataclass(frozen=True, slots=True)
class SettingsFacts:
    """What use cases know of bridge.yaml: all that may be shown, intervals as written, secrets, the longest first."""

    shown: Mapping[str, Any] = field(default_factory=dict)
    intervals: Mapping[str, Any] = field(default_factory=dict)
    secrets: Sequence[str] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorContext:
    """The parts of the daemon that use cases act upon.

    ``subscriptions`` are those of one project or all, the furthest behind first. ``couriers`` and ``destinations``
    give them as they are now, by name (they change on reload). ``audit`` is told of each change. ``stopping`` is set
    when the daemon begins to stop, so that streams end; ``streams`` are those open now. ``password_gate`` slows down
    who guesses passwords; without one nobody is slowed. ``search`` is None where no index of words is kept.
    ``settings`` are those of now.
    ``reload`` takes up the files at once, ``rule_changes`` in the steps that the settings ask for.
    """

    store: Store
    broker: Broker
    clock: Clock
    in_force: ActiveConfig
    couriers: Callable[[], Mapping[str, Courier]]
    destinations: Callable[[], Mapping[str, Destination]]
    health: Callable[[], HealthReport]
    supervisor: Supervisor
    lately: RecentActivity
    reload: Callable[[], Awaitable[ReloadOutcome]]
    audit: AuditTrail | None = None
    subscriptions: Callable[[Project | None], Awaitable[Sequence[SubscriptionState]]] = no_subscriptions
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    streams: set[object] = field(default_factory=set)
    entropy: Entropy = os.urandom
    passwords: Passwords = field(default_factory=Passwords)
    password_gate: PasswordGate | None = None
    ask_ams: AskAms = refuse_ams
    release: str = ""
    search: SearchFilling | None = None
    settings: Callable[[], SettingsFacts] = SettingsFacts
    rule_changes: RuleChanging | None = None

    async def note(
        self,
        by: Requester,
        what: str,
        target: str = "",
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
        done: bool = True,
    ) -> None:
        """Put on the audit trail what whoever asked did."""
        if self.audit is None:
            return
        entry = AuditEntry(
            what=what,
            who=by.who,
            address=by.address,
            target=target,
            outcome="done" if done else "refused",
            before=dict(before or {}),
            after=dict(after or {}),
        )
        await self.audit.note(entry)
