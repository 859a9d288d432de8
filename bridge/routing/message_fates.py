"""The life of a message in its topic's books, as a table: what may become of it, and by what.

Every message stands in exactly one of these states (``bridge/routing/ledger.py``). The picture in docs/architecture.md
is drawn from the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

MessageState: TypeAlias = Literal["undecided", "unrouted", "unmatched", "dropped", "decided", "expired"]
MessageStep: TypeAlias = Literal[
    "appended",
    "appended, and no rule hears its topic yet",
    "no rule takes it",
    "a rule drops it",
    "a rule sends",
    "it cannot be decided, and becomes a dead letter",
    "retention removes it",
]
MESSAGE_STEPS: Final[Mapping[tuple[MessageState | Literal[""], MessageStep], MessageState]] = {
    ("", "appended"): "undecided",
    ("", "appended, and no rule hears its topic yet"): "unrouted",
    ("undecided", "no rule takes it"): "unmatched",
    ("undecided", "a rule drops it"): "dropped",
    ("undecided", "a rule sends"): "decided",
    ("undecided", "it cannot be decided, and becomes a dead letter"): "decided",
    ("undecided", "retention removes it"): "expired",
}
"""What each step makes of a message; "" is one that is not there yet."""
FATES: Final = tuple(dict.fromkeys(to for to in MESSAGE_STEPS.values() if to != "undecided"))
"""The states that a message ends in, as the books count them."""
