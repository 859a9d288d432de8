"""The life of a message in its topic's books, as a table: what may become of it, and by what.

Every message stands in exactly one of these states (``bridge/routing/ledger.py``). A batch of decisions moves by the
table and refuses every other step. The picture in docs/architecture.md is drawn from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from rules.model import MessageFate

MessageState: TypeAlias = Literal["undecided", "unrouted", "unmatched", "dropped", "decided", "expired"]
MessageStage: TypeAlias = MessageState | Literal[""]
MessageStep: TypeAlias = Literal[
    "appended",
    "appended, and no rule hears its topic yet",
    "no rule takes it",
    "a rule drops it",
    "a rule sends",
    "it cannot be decided, and becomes a dead letter",
    "retention removes it",
]
MESSAGE_STEPS: Final[Mapping[tuple[MessageStage, MessageStep], MessageState]] = {
    ("", "appended"): "undecided",
    ("", "appended, and no rule hears its topic yet"): "unrouted",
    ("undecided", "no rule takes it"): "unmatched",
    ("undecided", "a rule drops it"): "dropped",
    ("undecided", "a rule sends"): "decided",
    ("undecided", "it cannot be decided, and becomes a dead letter"): "decided",
    ("undecided", "retention removes it"): "expired",
}
"""What each step makes of a message; "" is one that is not there yet. A pair that is not here cannot happen."""
FATES: Final = tuple(dict.fromkeys(to for to in MESSAGE_STEPS.values() if to != "undecided"))
"""The states that a message ends in, as the books count them."""
DECIDING_STEPS: Final[Mapping[MessageFate, MessageStep]] = {
    "unmatched": "no rule takes it",
    "dropped": "a rule drops it",
    "decided": "a rule sends",
}
"""The step by which a decision of the rules gives a message its fate."""


class NoSuchMessageStep(ValueError):
    """A message was to take a step that its state does not know: a fault of the program."""

    def __init__(self, stage: MessageStage, step: str) -> None:
        self.stage = stage
        self.step = step
        super().__init__(f'a message that is {stage or "not there"} knows no "{step}"')


def message_state_after(stage: MessageStage, step: MessageStep) -> MessageState:
    """The state of a message after a step; raises NoSuchMessageStep."""
    after = MESSAGE_STEPS.get((stage, step))
    if after is None:
        raise NoSuchMessageStep(stage, step)
    return after
