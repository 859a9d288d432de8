"""decide: from matches and state to sends, state changes and a trace. Pure; the same for messages and dry runs.

The books (semantics.md item 21). Each matched (event, rule, send) triple is decided once, and so is each post that a
timer makes anew (a reminder, a late firing or end, a calm, a "no news"). ``tally["decided"]`` counts them, and over
time::

    decided = suppressed/* + dropped/* + updated + held + the sum of stands_for over all sends and shadows

- ``suppressed/<why>``: kept quiet; ``<why>`` is ``by`` up to its colon. What an incident still owes because of it is
  decided anew when it is told.
- ``dropped/<rule>``: a ``drop: true`` rule took the event; one triple, whatever the rules behind it would have sent.
- ``updated``: the rule took the event and nobody had to hear of it (the end of an incident nobody was told of).
- ``held``: waits in a group or behind a throttle. The post that later stands for N of them takes N away, and carries
  them as its ``stands_for`` (or gives them to ``suppressed``). So the sum of ``held`` is what waits now.

Shadows are what rules in shadow would have sent: decided and rendered like sends, and never sent. All parts of one
post but the last stand for 0.
"""

from __future__ import annotations

from collections.abc import Mapping

from rules.deciding.decision_builder import DecideContext, Draft
from rules.deciding.left_out import note_left_out
from rules.deciding.matches import WHOLE, Match, Matches
from rules.deciding.quiet import heartbeat, incidents, messages
from rules.model import Decision, MessageFate, StateValue
from rules.rendering.budget import charge_per_message
from rules.ruleset import RuleSet


@charge_per_message
def decide(rule_set: RuleSet, matches: Matches, state: Mapping[str, StateValue], context: DecideContext) -> Decision:
    """Decide one message: all that follows from it.

    ``state`` holds every key of ``matches.needs`` (an ``Overlay`` within a batch); raises MissingState otherwise.
    """
    draft = Draft(rule_set, state, context, matches.incoming.origin)
    draft.counts.update(matches.counts)
    draft.failures.update(matches.failures)
    gone: set[tuple[str, int]] = set()
    stopped: set[tuple[str, int]] = set()
    fate: MessageFate = "unmatched"
    for match in matches.found:
        here = (match.group, match.event.item)
        if (WHOLE, 0) in gone or here in gone:
            continue
        if match.how == "match" and ((WHOLE, 0) in stopped or here in stopped):
            continue
        if match.rule.drop:
            draft.judge_dropped(match.event.item, match.rule)
            gone.add(here)
            fate = "dropped" if fate == "unmatched" else fate
        elif _act(draft, match):
            fate = "decided"
            if match.rule.stop:
                stopped.add(here)
        elif match.key is None and match.broken:
            fate = "decided" if fate == "unmatched" else fate
    note_left_out(draft, matches.left_out)
    return draft.decision(fate)


def _act(draft: Draft, match: Match) -> bool:
    """Let the rule act on the event. False when it does not take it after all: nothing was open that could end."""
    if match.how == "resolved":
        return incidents.resolves(draft, match)
    if match.rule.quiet.expects is not None:
        heartbeat.handle_beat(draft, match)
    elif match.rule.quiet.resolved is not None:
        incidents.handle_firing(draft, match)
    else:
        messages.handle_message(draft, match)
    return True
