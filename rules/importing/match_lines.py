"""Label matchers as the ``match:`` of a rule: lines where a line can say it, clauses where it takes more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rules.conditions.jsonpath import spell_path
from rules.importing.label_matchers import LabelMatcher, is_possible


def label_place(name: str) -> str:
    """Where a rule finds a label of an alert."""
    return spell_path(["labels", name])


@dataclass(slots=True)
class _Parts:
    """What must hold: ``lines`` by place, ``anys`` of which one must, ``nots`` of which none may."""

    lines: dict[str, Any] = field(default_factory=dict)
    anys: list[list[dict[str, Any]]] = field(default_factory=list)
    nots: list[dict[str, Any]] = field(default_factory=list)
    more: list[dict[str, Any]] = field(default_factory=list)

    def add_line(self, place: str, wanted: Any) -> None:
        """A place and what must hold there; a second one for a place stands in a clause of its own."""
        if place in self.lines and self.lines[place] != wanted:
            self.more.append({place: wanted})
        else:
            self.lines[place] = wanted

    def whole(self) -> dict[str, Any]:
        """All of it as one mapping."""
        match = dict(self.lines)
        nots = list({str(negation): negation for negation in self.nots}.values())
        if nots:
            match["not"] = nots[0] if len(nots) == 1 else {"any": nots}
        if len(self.anys) == 1:
            match["any"] = self.anys[0]
        rest = [*self.more, *({"any": choice} for choice in self.anys if len(self.anys) > 1)]
        if rest:
            match["all"] = rest
        return match


def match_of(matchers: Iterable[LabelMatcher], excluded: Sequence[Sequence[LabelMatcher]] = ()) -> dict[str, Any]:
    """The condition that all ``matchers`` hold and of each of ``excluded`` at least one does not."""
    matchers = list(matchers)
    parts = _Parts()
    for matcher in matchers:
        _add(parts, matcher)
    for others in excluded:
        if is_possible((*matchers, *others)):
            own = [other for other in others if other not in matchers]
            parts.nots.append(match_of(own))
    return parts.whole()


def _add(parts: _Parts, matcher: LabelMatcher) -> None:
    place = label_place(matcher.name)
    if matcher.is_negative:
        _add_negative(parts, matcher, place)
        return
    wanted = _wanted_value(matcher)
    if not matcher.holds(""):
        parts.add_line(place, wanted)
    elif wanted is None:
        parts.add_line(place, {"exists": False})
    elif not matcher.fits_all:
        parts.anys.append([{place: {"exists": False}}, {place: wanted}])


def _add_negative(parts: _Parts, matcher: LabelMatcher, place: str) -> None:
    opposite = LabelMatcher(matcher.name, matcher.op.replace("!", "=", 1).replace("==", "="), matcher.value)
    wanted = _wanted_value(opposite)
    if matcher.holds(""):
        parts.nots.append({place: wanted})
    elif wanted is None:
        parts.add_line(place, {"exists": True})
    else:
        parts.add_line(place, {"exists": True} if matcher.value == "" else {"not": wanted})


def _wanted_value(matcher: LabelMatcher) -> Any:
    """What a label that is there must be; None when it must not be there at all."""
    words = matcher.words
    if words is None:
        if matcher.value == ".+":
            return {"exists": True}
        return {"regex": _anchor(matcher.value)}
    there = [word for word in words if word]
    if not there:
        return None
    return there[0] if len(there) == 1 else there


def _anchor(pattern: str) -> str:
    """The pattern as one that must fit the whole value."""
    if "|" in pattern:
        return f"^(?:{pattern})$"
    end = "" if pattern.endswith("$") and not pattern.endswith("\\$") else "$"
    return f"{'' if pattern.startswith('^') else '^'}{pattern}{end}"
