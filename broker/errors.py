"""Every error the broker raises, as one small tree.

::

    BrokerError
    ├── NotFound(kind, name)            the named thing does not exist
    ├── AlreadyExists(kind, name)       the name is taken
    ├── Rejected(reason)                the request cannot hold; nothing changed
    │   ├── AckRefused                  "no ack pending" | "wrong ack" | "ack timeout"
    │   ├── OffsetOutOfBounds           asked for an offset outside min..max
    │   ├── TooLarge(size, limit)       a message over the limit
    │   ├── InvalidFilter(reason, place)   a subscription's filter that cannot be read
    │   ├── InvalidName(kind, name)     a name with other characters than letters, digits, - and _
    │   ├── InvalidReference(kind, name, why)   a project or role named in a request that cannot stand there
    │   ├── UnknownMembers(names)       users that are not members of the project
    │   ├── NotAMember, AlreadyAMember  of the project
    │   ├── TopicMissing(topic)         a subscription's topic was deleted
    │   ├── SchemaInvalid(reason)       a schema that does not compile
    │   ├── SchemaUnusable(schema)      a stored schema that can no longer be loaded
    │   └── MessageInvalid(reason)      a message that its topic's schema refuses
    ├── Moved                           somebody else changed it first: read again, decide again
    │   ├── VersionMoved(kind, key)     a catalog record
    │   ├── CursorMoved(cursor)         a cursor
    │   ├── StateMoved(keys)            rows of keyed state that a decision rests on
    │   └── LineMoved(order_key)        what waits of an order key, while some of it was to be folded
    ├── LeaseLost(delivery, owner)      the lease ended or was taken over; the settlement changed nothing
    ├── NotOwner(owner)                 this node no longer owns the worker; nothing changed
    ├── DuplicateDelivery(key)          a delivery key came twice: a bug, told loudly, nothing committed
    └── StoreError
        ├── StoreUnavailable(reason)    nothing was stored; trying again later may work
        │   ├── ConflictsPersist(what, attempts)    others changed it each time that it was tried
        │   ├── StoreNotMade(reason)    there is none yet to look at; the first start makes it
    │   └── StoreUnusable(reason)   nor will it ever work, until somebody changes something
        ├── OutcomeUnknown(reason)      it may be stored or not: read, or repeat with the same producer key
        ├── StoreCorrupt(reason)        the store cannot be used as it is
        └── TopicGone(topic_uid)        the topic's log was dropped

The class docstring is the default message; fields carry the facts, and nobody parses texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from broker.model import OwnerToken

StoreTrouble: TypeAlias = Literal["", "full", "failed", "denied", "locked", "replaced", "stale", "moving", "closed"]
"""What kind of trouble keeps a store from serving; "" where nothing more is known than its reason."""
TROUBLES: Final[Mapping[StoreTrouble, str]] = {
    "full": "the disk is full",
    "failed": "the disk failed to read or write",
    "denied": "the store's file may not be written",
    "locked": "another program has the store locked",
    "replaced": "the store's file was replaced, moved or overwritten",
    "stale": "the catalog is stale",
    "moving": "others change the same thing without a pause",
    "closed": "the store is closed: the daemon stops",
}
"""Each kind in words that anybody may read: no path, no name of a file."""


class BrokerError(Exception):
    """Something the broker could not do."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text or (type(self).__doc__ or "").strip())


class NotFound(BrokerError):
    """The named thing does not exist."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name!r} does not exist")
        self.kind = kind
        self.name = name


class AlreadyExists(BrokerError):
    """The name is taken."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name!r} already exists")
        self.kind = kind
        self.name = name


class Rejected(BrokerError):
    """The request cannot hold as it stands; nothing changed."""


class AckRefused(Rejected):
    """An acknowledgement that does not fit what is outstanding; ``reason`` is AMS's own text (ams-api.md 7.4)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OffsetOutOfBounds(Rejected):
    """The offset lies outside the topic's bounds."""

    def __init__(self, offset: int, first: int, end: int) -> None:
        super().__init__(f"offset {offset} is outside {first}..{end}")
        self.offset = offset
        self.first = first
        self.end = end


class TooLarge(Rejected):
    """A message is larger than the limit."""

    def __init__(self, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(f"the message has {size_bytes} bytes; the limit is {limit_bytes}")
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes


class InvalidName(Rejected):
    """A name may hold ASCII letters, digits, "-" and "_" only, and at least one of them."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{name!r} is not a name for a {kind}: use letters, digits, - and _")
        self.kind = kind
        self.name = name


class InvalidFilter(Rejected):
    """A subscription's filter that cannot be read; ``place`` counts characters from 0."""

    def __init__(self, reason: str, place: int) -> None:
        super().__init__(f"the filter cannot be read at character {place + 1}: {reason}")
        self.reason = reason
        self.place = place


class InvalidReference(Rejected):
    """A project or role that cannot stand in a user's roles.

    ``why`` is ``duplicate``, ``unknown`` or ``not allowed``.
    """

    def __init__(self, kind: str, name: str, why: str) -> None:
        super().__init__(f"{kind} {name!r} is {why}")
        self.kind = kind
        self.name = name
        self.why = why


class UnknownMembers(Rejected):
    """Users named in an access list that are not members of the project."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"not members of the project: {', '.join(names)}")
        self.names = tuple(names)


class NotAMember(Rejected):
    """The user is not a member of the project."""


class AlreadyAMember(Rejected):
    """The user is a member of the project already."""


class TopicMissing(Rejected):
    """The subscription's topic does not exist any more."""

    def __init__(self, topic: str) -> None:
        super().__init__(f"the subscription's topic {topic!r} does not exist")
        self.topic = topic


class SchemaInvalid(Rejected):
    """A schema that does not compile; ``reason`` is the compiler's own text (ams-api.md section 10)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SchemaTooComplex(SchemaInvalid):
    """A schema whose judging takes more steps than it may."""


class SchemaUnusable(Rejected):
    """A stored schema cannot be loaded, so nothing can be checked against it."""

    def __init__(self, schema: str) -> None:
        super().__init__(f"schema {schema!r} cannot be loaded")
        self.schema = schema


class MessageInvalid(Rejected):
    """A message that its topic's schema refuses; ``reason`` is AMS's own text (ams-api.md section 10)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Moved(BrokerError):
    """A record that somebody else changed first; read again and decide again."""


class VersionMoved(Moved):
    """A catalog record has another version than expected."""

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(f"{kind} {key!r} was changed by somebody else")
        self.kind = kind
        self.key = key


class CursorMoved(Moved):
    """A cursor has another revision than expected."""

    def __init__(self, cursor: str) -> None:
        super().__init__(f"cursor {cursor!r} was moved by somebody else")
        self.cursor = cursor


class StateMoved(Moved):
    """State rows that a decision rests on have changed."""

    def __init__(self, keys: Sequence[str]) -> None:
        super().__init__(f"state changed meanwhile: {', '.join(list(keys)[:5])}")
        self.keys = tuple(keys)


class LineMoved(Moved):
    """What waits of an order key is not what was to be folded."""

    def __init__(self, order_key: str, why: str) -> None:
        super().__init__(f"order key {order_key!r} cannot be folded: {why}")
        self.order_key = order_key


class LeaseLost(BrokerError):
    """The lease ended or was taken over; the settlement changed nothing."""

    def __init__(self, delivery: str, owner: OwnerToken | None = None) -> None:
        """``owner`` is the token that holds no longer, where the lease was lost with it."""
        super().__init__(f"the lease on delivery {delivery} is no longer ours")
        self.delivery = delivery
        self.owner = owner


class NotOwner(BrokerError):
    """This node no longer owns the worker; nothing changed."""

    def __init__(self, owner: OwnerToken) -> None:
        super().__init__(f"worker {owner.worker!r} is owned by another node")
        self.owner = owner


class DuplicateDelivery(BrokerError):
    """A delivery key came twice. This is a bug; nothing was committed."""

    def __init__(self, key: str) -> None:
        super().__init__(f"a delivery with the key {key} exists already; nothing was committed")
        self.key = key


class StoreError(BrokerError):
    """Something the store could not do."""


class StoreUnavailable(StoreError):
    """The store cannot serve now; nothing was stored. ``reason`` says why in plain words, ``trouble`` of what kind."""

    def __init__(self, reason: str, trouble: StoreTrouble = "") -> None:
        super().__init__(f"the store is unavailable: {reason}")
        self.reason = reason
        self.trouble = trouble


class ConflictsPersist(StoreUnavailable):
    """Others changed ``what`` each of the ``attempts`` times that a change of it was tried; nothing was stored."""

    def __init__(self, what: str, attempts: int) -> None:
        super().__init__(f"{what} is changed by others without a pause", "moving")
        self.what = what
        self.attempts = attempts


class StoreUnusable(StoreUnavailable):
    """The store cannot be opened as things are, and waiting does not help; ``reason`` says what to do."""


class StoreNotMade(StoreUnavailable):
    """A store that is to be looked at is not made yet; the first start of the daemon makes it."""


class OutcomeUnknown(StoreError):
    """The store cannot say whether a write is in: read what stands, or repeat with the same producer key."""

    def __init__(self, reason: str, trouble: StoreTrouble = "") -> None:
        super().__init__(f"the store did not say whether it kept the change: {reason}")
        self.reason = reason
        self.trouble = trouble


class StoreCorrupt(StoreError):
    """The store cannot be used as it is."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the store is damaged: {reason}")
        self.reason = reason


class TopicGone(StoreError):
    """The topic's log was dropped."""

    def __init__(self, topic_uid: str) -> None:
        super().__init__(f"the log of topic {topic_uid} was dropped")
        self.topic_uid = topic_uid


def trouble_text(error: BrokerError) -> str:
    """``: the disk is full``, or "" where nothing is known that may be told to everybody."""
    trouble = error.trouble if isinstance(error, StoreUnavailable | OutcomeUnknown) else ""
    return f": {TROUBLES[trouble]}" if trouble else ""
