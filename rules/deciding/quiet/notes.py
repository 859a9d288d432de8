"""The lines that say why a post comes when it comes: firing since, told late, a reminder, flapping, calm, no news."""

from __future__ import annotations

from rules.deciding.quiet.rows import Beat, Flaps, Incident
from rules.events.moments import from_us
from rules.ruleset import Expects, Flapping
from rules.source.words import duration_text


def format_moment(us: int) -> str:
    """A time as people read it."""
    return from_us(us).strftime("%Y-%m-%d %H:%M UTC")


def describe_cause(by: str) -> str:
    """The words for what kept something quiet."""
    kind, _, name = by.partition(":")
    match kind:
        case "silence":
            return "it was silenced"
        case "hours":
            return f"it was outside {name}"
        case "not_hours":
            return f"it was within {name}"
        case "inhibited":
            return f"{name} was firing"
        case "order":
            return "an earlier post was still waiting"
        case "straggler":
            return "its end had just been told, and the sender says that it began before that"
        case "flapping":
            return "it was flapping"
        case "count":
            return "it had not come often enough"
        case _:
            return f"of its {kind}"


def describe_late_firing(incident: Incident, by: str) -> str:
    """The note of a firing that was hidden until now; one that had to last first has no other reason."""
    if by == "for":
        return f"Firing since {format_moment(incident.since_us)}."
    return f"Firing since {format_moment(incident.since_us)}; not told before because {describe_cause(by)}."


def describe_late_end(incident: Incident, by: str) -> str:
    """The note of an end that was hidden until now."""
    return f"Over since {format_moment(incident.over_us)}; told late because {describe_cause(by)}."


def describe_reminder(incident: Incident) -> str:
    """The note of a reminder: the incident still fires."""
    return f"Reminder: firing since {format_moment(incident.since_us)}."


def describe_escalation(incident: Incident, by: str) -> str:
    """The note of a step of an escalation: since when it fires, and what kept the step quiet until now."""
    taken = f"{incident.taken_by} has it" if incident.taken_by else "nobody has taken it"
    late = f" Not told before because {describe_cause(by)}." if by else ""
    return f"Escalated: firing since {format_moment(incident.since_us)}, and {taken}.{late}"


def describe_missing(beat: Beat, expects: Expects | None) -> str:
    """The note of a key that is missing: when it was last heard, and how often it was to be."""
    often = f" It is expected every {duration_text(expects.every_s)}." if expects is not None else ""
    if not beat.heard:
        return f"Missing: nothing was ever heard, and it is expected since {format_moment(beat.at_us)}.{often}"
    return f"Missing: last heard {format_moment(beat.at_us)}.{often}"


def describe_return(incident: Incident) -> str:
    """The note of a key that is back."""
    return f"Back: it was missing since {format_moment(incident.since_us)}."


def describe_staleness(incident: Incident) -> str:
    """The note of a stale incident: nobody said that it is over, and nobody that it still fires."""
    return f"No news since {format_moment(incident.seen_us)}; this alert is taken as over."


def describe_flapping(flapping: Flapping) -> str:
    """The note of a flapping alert: its state changed too often."""
    within = duration_text(flapping.within_s)
    return f"Flapping: {flapping.changes} changes within {within}. Nothing more until it is calm."


def calm_again(flaps: Flaps) -> str:
    """The note of the calm: how often the state changed, and where it came to rest."""
    return f"Calm again after {flaps.count} changes: {flaps.state}."
