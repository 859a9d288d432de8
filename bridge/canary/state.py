"""What is known of a canary: the row of state that survives restarts, and how it is told to people and programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import msgspec

from bridge.core.built_in_rules import CANARY_RULE
from broker.clock import US_PER_S, us
from broker.model import StatePut, StateRow
from rules.source.words import duration_text

CanaryVerdict: TypeAlias = Literal["", "ok", "failed"]
"""What the last canary that was watched to its end showed; "" when there was none."""

_KEPT_S: Final = 30 * 86_400.0
_MOST_LOST: Final = 10


class CanaryRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of one destination's canary.

    ``under_way`` is the delivery of the canary that was sent at ``sent_us`` and is looked for, "" when none is.
    ``since_us`` is since when the verdict stands, ``lost`` the canaries that were not found: they may come yet, and are
    taken away then.
    """

    under_way: str = ""
    sent_us: int = 0
    verdict: CanaryVerdict = ""
    since_us: int = 0
    reason: str = ""
    last_ok_us: int = 0
    lost: tuple[str, ...] = ()

    def begin(self, delivery_id: str, now_us: int) -> CanaryRow:
        """The row once a canary was sent."""
        return msgspec.structs.replace(self, under_way=delivery_id, sent_us=now_us)

    def give_up(self) -> CanaryRow:
        """The row once nobody watched the canary to its end: it proves nothing."""
        lost = (*self.lost, self.under_way)[-_MOST_LOST:]
        return msgspec.structs.replace(self, under_way="", lost=lost)

    def arrive(self, now_us: int, *, is_settled: bool) -> CanaryRow:
        """The row once the canary stood in its channel; unless its delivery is settled it may come once more."""
        since_us = self.since_us if self.verdict == "ok" else now_us
        return msgspec.structs.replace(
            self,
            under_way="",
            verdict="ok",
            since_us=since_us,
            reason="",
            last_ok_us=now_us,
            lost=() if is_settled else (self.under_way,),
        )

    def fail(self, reason: str, now_us: int) -> CanaryRow:
        """The row once the canary was not found in time."""
        since_us = self.since_us if self.verdict == "failed" else now_us
        return msgspec.structs.replace(self.give_up(), verdict="failed", since_us=since_us, reason=reason)


@dataclass(frozen=True, slots=True)
class CanaryState:
    """How the canary of a destination stands, for the pages, the API and metrics; times are 0 when there was none."""

    destination: str
    verdict: CanaryVerdict
    reason: str
    since_us: int
    last_ok_us: int
    arrived: int
    failed: int

    def describe(self, now_us: int) -> str:
        """The state of the canary in one line for people."""
        ok = f"the last one arrived {_ago(self.last_ok_us, now_us)}" if self.last_ok_us else "none has arrived yet"
        match self.verdict:
            case "ok":
                return ok
            case "failed":
                return f"failing since {_ago(self.since_us, now_us)}: {self.reason}; {ok}"
            case _:
                return "none was watched to its end yet"


def _ago(at_us: int, now_us: int) -> str:
    return f"{duration_text(max(0, now_us - at_us) // US_PER_S)} ago"


def row_name(destination: str) -> str:
    """The row of state that holds what is known of a destination's canary."""
    return f"canary/{destination}"


def read_canary(row: StateRow) -> CanaryRow:
    """The canary's row, its times as the wall clock tells them now; nothing is known when there is none.

    Times that people read stay as they were told, unless the clock was set back: then they would lie ahead.
    """
    if row.value is None:
        return CanaryRow()
    known, by_us = msgspec.json.decode(row.value, type=CanaryRow), row.behind_us
    return msgspec.structs.replace(
        known,
        sent_us=_shift_time(known.sent_us, by_us),
        since_us=_shift_time(known.since_us, min(by_us, 0)),
        last_ok_us=_shift_time(known.last_ok_us, min(by_us, 0)),
    )


def _shift_time(at_us: int, by_us: int) -> int:
    return at_us + by_us if at_us else 0


def write_row(destination: str, known: CanaryRow, now_us: int, every_s: float) -> StatePut:
    """The write of a canary's row. It outlives the next canary by a month."""
    expires_us = now_us + us(every_s + _KEPT_S)
    return StatePut(row_name(destination), msgspec.json.encode(known), CANARY_RULE, "", expires_us)
