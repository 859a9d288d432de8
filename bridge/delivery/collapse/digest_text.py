"""What a digest says: a line for each post it names, and counts of all the others. Pure.

The lines are taken from posts that were rendered before, so they are Markdown in which event values are escaped for
the place where they stood. A line is taken only where that still holds: never out of a code block, and escaped anew
when the cut went through code.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from bridge.core.severities import rank_of
from rules.events.moments import from_us
from rules.model import Post
from rules.rendering.escape import escape_value, link_target
from rules.rendering.split import cut_text

_MOST_RUNES: Final = 200
_MOST_KINDS: Final = 12
_MOST_ABOUT: Final = 3
_OVER_SIGN: Final = ":large_green_circle:"
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")
_MARKS: Final = re.compile(r"[ \t]*(?:(?:#{1,6}|>|[-*+]|\d{1,9}[.)])[ \t]+|>|\|[ \t]*)*")
_INK: Final = re.compile(r"[^\W_]")
_TICKS: Final = re.compile(r"(?<!\\)`+")
_PIPE: Final = re.compile(r"\\?\|")
_DAY_US: Final = 86_400_000_000


PhaseTold: TypeAlias = Literal["", "firing", "over"]
"""What a post told of an incident: that it fires, that it is over, or nothing."""


class Named(msgspec.Struct, frozen=True, omit_defaults=True):
    """A post that a digest names: its headline, its link, and when it was decided.

    ``over_us`` is when the incident ended that it told the beginning of; 0 for anything else. ``phase`` is
    ``firing`` for what told of trouble, ``over`` for what told an end, "" for a message.
    """

    rule: str
    severity: str
    line: str
    url: str = ""
    at_us: int = 0
    over_us: int = 0
    phase: PhaseTold = ""


class SeverityCount(msgspec.Struct, frozen=True, array_like=True):
    """How many posts of a rule and severity."""

    rule: str
    severity: str
    count: int


class PhaseCounts(msgspec.Struct, frozen=True, omit_defaults=True):
    """How many of the posts told that something fires, and how many that it is over; ``about`` counts what by name."""

    firing: int = 0
    over: int = 0
    about: tuple[tuple[str, int], ...] = ()


def title_of(open_counts: Sequence[SeverityCount], over: Sequence[SeverityCount], phases: PhaseCounts) -> str:
    """``490 posts in one: 470 over, 20 firing (DiskWillFill)``, or ``41 posts in one`` where no end is told."""
    posts, lives = total(open_counts), total(over)
    if not posts:
        return f"{lives} alerts came and went" if lives != 1 else "1 alert came and went"
    title = f"{posts} posts in one" if posts != 1 else "1 post in one"
    if not phases.over:
        return title
    other = posts - phases.firing - phases.over
    counts = ((phases.over, "over"), (phases.firing, "firing"), (other, "other"))
    names = [escape_value(name, line_start=False) for name, _ in phases.about[:_MOST_ABOUT]]
    more = len(phases.about) - len(names)
    about = ", ".join([*names, *([f"{more} more"] if more > 0 else [])])
    text = ", ".join(f"{count} {word}" for count, word in counts if count)
    return f"{title}: {text}{f' ({about})' if about else ''}"


def summary_text(
    since_us: int,
    until_us: int,
    named: Sequence[Named],
    counts: Sequence[SeverityCount],
    over: Sequence[SeverityCount],
    max_runes: int,
) -> str:
    """The text in at most ``max_runes``: what does not fit is counted instead of named."""
    shown = list(named)
    while True:
        text = _text(since_us, until_us, shown, counts, over)
        if len(text) <= max_runes or not shown:
            return cut_text(text, max_runes)
        spare = max(1, (len(text) - max_runes) // (_MOST_RUNES * 2))
        shown = shown[:-spare]


def headline_of(post: Post) -> str:
    """One line that says what a post is about: its title, else the first line of its text that says something."""
    title = " ".join(post.title.split())
    if title:
        return _shorten(title)
    fence = ""
    for line in post.text.splitlines():
        mark = _FENCE.match(line)
        if fence:
            fence = "" if mark and mark[1].startswith(fence) else fence
        elif mark:
            fence = mark[1]
        elif _INK.search(line):
            return _shorten(_MARKS.sub("", line, count=1).strip())
    return "(a post without a headline)"


def total(tallies: Iterable[SeverityCount]) -> int:
    """How many posts some tallies count."""
    return sum(tally.count for tally in tallies)


def _text(
    since_us: int,
    until_us: int,
    named: Sequence[Named],
    counts: Sequence[SeverityCount],
    over: Sequence[SeverityCount],
) -> str:
    days = until_us // _DAY_US != since_us // _DAY_US
    lines: list[str] = []
    if counts:
        lines.append(
            f"Decided {_span(since_us, until_us, days=days)} UTC; more waited than could be posted one by one."
        )
        lines += _list([entry for entry in named if not entry.over_us], counts, days=days)
    if over:
        lives = total(over)
        lines += [""] if lines else []
        began = f"**{lives} more** began and ended" if counts else "Began and ended"
        lines.append(f"{began} before anything could be posted:")
        lines += _list([entry for entry in named if entry.over_us], over, days=days)
    return "\n".join(lines)


def _list(named: Sequence[Named], tallies: Sequence[SeverityCount], *, days: bool) -> list[str]:
    lines = [f"- {_line(entry, days=days)}" for entry in named]
    rest = Counter({(tally.rule, tally.severity): tally.count for tally in tallies})
    rest.subtract((entry.rule, entry.severity) for entry in named)
    # A rule that was counted with the others has no tally of its own: its named ones are taken from the others.
    lacking = -sum(count for count in rest.values() if count < 0)
    kinds = [(rule, severity, count) for (rule, severity), count in rest.items() if count > 0]
    more = sum(count for _, _, count in kinds) - lacking
    if more > 0:
        lines.append(f"- {f'and {more} more' if named else f'{more} in all'}: {_kinds(kinds, more)}")
    return lines


def _kinds(kinds: Sequence[tuple[str, str, int]], more: int) -> str:
    """``15 warning of disks, 6 of web``, the worst first."""
    ranked = sorted((kind for kind in kinds if kind[0]), key=lambda entry: (-rank_of(entry[1]), -entry[2], entry[0]))
    texts: list[str] = []
    left = more
    for rule, severity, count in ranked[:_MOST_KINDS]:
        word = f" {escape_value(severity, line_start=False)}" if severity else ""
        texts.append(f"{min(count, left)}{word} of {escape_value(rule, line_start=False)}")
        left -= min(count, left)
    if left > 0:
        texts.append(f"{left} of {'other ' if texts else ''}rules")
    return ", ".join(texts)


def _line(named: Named, *, days: bool) -> str:
    severity = f"**{escape_value(named.severity, line_start=False)}** " if named.severity else ""
    if named.phase == "over":
        severity = "" if named.line.startswith(_OVER_SIGN) else f"{_OVER_SIGN} "
    target = link_target(named.url) if named.url else ""
    link = f" · [link]({target})" if target else ""
    when = _span(named.at_us, named.over_us, days=days) if named.over_us else _time(named.at_us, days=days)
    return f"{severity}{named.line}{link} _{when}_"


def _span(since_us: int, until_us: int, *, days: bool) -> str:
    since, until = _time(since_us, days=days), _time(until_us, days=days)
    return since if since == until else f"{since} to {until}"


def _time(at_us: int, *, days: bool) -> str:
    return from_us(at_us).strftime("%d %b %H:%M" if days else "%H:%M")


def _shorten(line: str) -> str:
    """At most 200 characters of a line of Markdown.

    One whose code spans do not close any more is escaped anew. No pipe is left: with one, a ``<`` of another post could
    become a link of Slack's kind.
    """
    short = cut_text(_PIPE.sub("¦", line), _MOST_RUNES, note="…")
    runs = Counter(len(run) for run in _TICKS.findall(short))
    return short if all(count % 2 == 0 for count in runs.values()) else cut_text(escape_value(short), _MOST_RUNES, "…")
