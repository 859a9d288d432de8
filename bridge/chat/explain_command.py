"""Why?: what is known of a post's message, in a few lines for chat.

What was decided is read from the record; what the rules would decide now is computed anew and labelled so
(semantics.md item 17). A post made by a timer has no message of its own: it is told from its incident.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Final

from bridge.destinations.signed_context import PostContext
from bridge.operate.explain_message import explain_named
from bridge.operate.explain_views import ConditionView, ExplanationView
from bridge.operate.incident_commands import read_incident
from bridge.operate.operator_context import OperatorContext
from bridge.operate.operator_errors import NoSuchThing
from bridge.routing.routers import full_names
from broker.model import Delivery
from rules.deciding.quiet.notes import format_moment
from rules.rendering.escape import escape_in_code

_MOST_LINES: Final = 40
_LONGEST_RUNES: Final = 120
_MARKS: Final = {True: "✓", False: "✗"}


async def explain_post(context: OperatorContext, card: PostContext, delivery: Delivery | None) -> str:
    """What is known of a post's message, as lines of Markdown; ``delivery`` None when it is not kept any more.

    Raises StoreUnavailable.
    """
    lines = [f"**Why this post?** Rule {_code(card.rule)}" + (f", key {_code(card.key)}" if card.key else "")]
    incident = await read_incident(context, card.rule, card.incident)
    if incident is not None:
        taken = f", taken by {_code(incident.taken_by)}" if incident.taken_by else ""
        lines.append(f"Its incident fires since {format_moment(incident.since_us)}{taken}.")
    elif card.incident:
        lines.append("Its incident is over.")
    if delivery is None:
        lines.append("This delivery is past its retention; no more is known of it.")
    else:
        lines += [line async for line in _tell_delivery(context, card, delivery)]
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], "… `ams-bridge rules explain` shows it all."]
    return "\n".join(lines)


async def _tell_delivery(context: OperatorContext, card: PostContext, delivery: Delivery) -> AsyncIterator[str]:
    new = delivery.new
    text = f"Told as *{new.phase}* at {format_moment(new.created_us)}, by rule set {_code(new.version)}"
    topic = full_names(context.broker).get(new.topic_uid, ("", None))[0]
    if new.offset < 0 or not topic:
        yield f"{text}, {'when a timer was due' if new.offset < 0 else 'about a topic that is gone'}."
        return
    yield f"{text}, because of message {_code(f'{topic}:{new.offset}')}."
    try:
        explained = await explain_named(context, f"{topic}:{new.offset}")
    except NoSuchThing as error:
        yield f"{error}."
        return
    for record in explained.decided.decisions:
        if record.rule == card.rule:
            by = f" ({_code(record.by)})" if record.by else ""
            yield f"- decided for {_code(record.destination)}: {record.outcome}{by}"
    if explained.recomputed is None:
        yield "The message itself is past its retention."
        return
    for line in _tell_recomputed(explained.recomputed, card.rule):
        yield line


def _tell_recomputed(recomputed: ExplanationView, rule: str) -> Iterator[str]:
    """What the rule in force sees in the message now."""
    traces = [trace for trace in recomputed.rules if trace.rule == rule]
    in_force = f"the rules in force now (computed anew, {_code(recomputed.version)})"
    if not traces:
        yield f"Among {in_force} is no such rule for this topic."
        return
    yield f"Seen by {in_force}:"
    for trace in traces:
        yield f"- {_code(trace.place.rpartition('/')[2])}: {trace.fate}" + (
            f", {_code(trace.reason)}" if trace.reason else ""
        )
        for seen in trace.match:
            yield _condition(seen, 1)
        if trace.resolved:
            yield "  - over when:"
        for seen in trace.resolved:
            yield _condition(seen, 2)


def _condition(seen: ConditionView, depth: int) -> str:
    saw = f" saw {_code(seen.saw)}" if seen.saw else ""
    indent = "  " * (depth + seen.depth)
    return f"{indent}- {_MARKS[seen.held]} {_code(seen.look + ' ' + seen.expects)}{saw}"


def _code(text: str) -> str:
    short = text if len(text) <= _LONGEST_RUNES else text[: _LONGEST_RUNES - 1] + "…"
    return f"`{escape_in_code(short, table=False) or ' '}`"
