"""Why something was kept quiet, in words, and until when: what ``by`` of a decision or a delivery stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from bridge.operate.operator_context import OperatorContext
from bridge.operate.operator_times import rfc3339
from broker.records import SilenceRecord
from rules.deciding.quiet.hours import check_hours
from rules.ruleset import Rule
from rules.source.words import duration_text

_PLAIN: Final[Mapping[str, str]] = {
    "flapping": "it goes up and down, and that was told",
    "straggler": "the same alert was told to be over, and it waits for its own end",
    "order": "something of the same key waits elsewhere and is told first",
    "told-nobody": "it is over, and nobody was told that it fired",
    "empty": "its template had nothing to say",
    "group": "collected, and told in one post with others",
    "throttle": "the rule has told as much as it may",
    "count": "too few of it came",
    "for": "it did not last long enough yet",
    "duplicate": "the same was told shortly before",
}


class QuietReason(msgspec.Struct, frozen=True, kw_only=True):
    """What kept it quiet: ``kind`` is the part of ``by`` before its colon, ``until`` when that ends, where it is known.

    ``silence`` is the id of the silence that did, or "".
    """

    kind: str
    text: str
    until: str | None = None
    silence: str = ""


class QuietReasons:
    """Finds reasons for one answer: silences are looked up once."""

    def __init__(self, context: OperatorContext) -> None:
        self._rules = context.in_force.rule_set.by_name
        self._silences = {record.uid: record for record in context.broker.cache.list_all(SilenceRecord)}

    def reason_of(self, rule_name: str, by: str, outcome: str, at_us: int) -> QuietReason:
        """The reason for what was decided at ``at_us``, as the rules of now and the silences that are kept tell it."""
        kind, _, name = by.partition(":")
        rule = self._rules.get(rule_name)
        match kind:
            case "silence":
                return self._silence(name)
            case "hours" | "not_hours":
                return _hours(rule, kind, name, at_us)
            case "inhibited":
                return QuietReason(kind=kind, text=f"an incident of {name} fires")
            case "drop":
                return QuietReason(kind=kind, text=f"the rule {name} drops it")
            case "removed":
                return QuietReason(kind=kind, text=f"the destination {name} was taken away")
        if outcome == "shadow":
            return QuietReason(kind="shadow", text="the rule is in shadow: nobody is told")
        return QuietReason(kind=kind or outcome, text=_setting_text(rule, kind) or _PLAIN.get(kind, by or outcome))

    def _silence(self, uid: str) -> QuietReason:
        record = self._silences.get(uid)
        if record is None:
            return QuietReason(kind="silence", text="a silence that is kept no more")
        why = f": {record.why}" if record.why else ""
        return QuietReason(
            kind="silence",
            text=f"silence of {record.who or 'somebody'}{why}",
            until=rfc3339(record.until_us),
            silence=uid,
        )


def _hours(rule: Rule | None, kind: str, name: str, at_us: int) -> QuietReason:
    hidden = check_hours(rule.quiet.hours, at_us) if rule is not None else None
    until = rfc3339(hidden.until_us) if hidden is not None and hidden.until_us is not None else None
    text = f"outside of the hours {name}" if kind == "hours" else f"within the hours {name}"
    return QuietReason(kind=kind, text=text, until=until)


def _setting_text(rule: Rule | None, kind: str) -> str:
    """What the rule says of it now, where it still says so."""
    if rule is None:
        return ""
    quiet = rule.quiet
    if kind == "duplicate" and quiet.dedupe_s is not None:
        return f"the same was told less than {duration_text(quiet.dedupe_s)} before"
    if kind == "throttle" and quiet.throttle is not None:
        texts = [f"{rate.count} posts in {duration_text(rate.per_s)}" for rate in quiet.throttle.rates]
        return f"more than {' or '.join(texts)}"
    if kind == "count" and quiet.threshold is not None:
        return f"fewer than {quiet.threshold.at_least} in {duration_text(quiet.threshold.within_s)}"
    if kind == "for" and quiet.lasts_s is not None:
        return f"it does not last {duration_text(quiet.lasts_s)} yet"
    return ""
