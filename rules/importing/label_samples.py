"""Label sets that a route's matchers take, made up from the matchers: for tests and for comparing with Alertmanager."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rules.conditions.regex import compile_regex
from rules.importing.label_matchers import LabelMatcher
from rules.importing.route_tree import Matchers, RouteNode
from rules.source.problems import DocumentPath

MOST_SAMPLES: Final = 300
_MOST_TRIES: Final = 5_000
_MOST_DETOURS: Final = 50
_OTHERS: Final = ("", "x", "other", "7", "a-b", "x.y.z:9")
_CLASSES: Final = {"d": "7", "w": "x", "s": " ", "D": "x", "W": "-", "S": "x", "b": "", "B": "", "A": "", "z": ""}
_TIMES: Final = re.compile(r"([*+?]|\{(\d+)(?:,\d*)?\})\??")


def labels_for(matchers: Sequence[LabelMatcher], excluded: Iterable[Matchers] = ()) -> dict[str, str] | None:
    """Labels for which all of ``matchers`` hold, and of each of ``excluded`` not all; None when none was found."""
    excluded = list(excluded)
    names = list(dict.fromkeys(matcher.name for group in (matchers, *excluded) for matcher in group))
    values = [_values(name, matchers, excluded) for name in names]
    for tried in itertools.islice(itertools.product(*values), _MOST_TRIES):
        labels = dict(zip(names, tried, strict=True))
        if holds(matchers, labels) and not any(holds(others, labels) for others in excluded):
            return {name: value for name, value in labels.items() if value}
    return None


def holds(matchers: Iterable[LabelMatcher], labels: dict[str, str]) -> bool:
    """Whether all matchers hold for an alert with these labels."""
    return all(matcher.holds(labels.get(matcher.name, "")) for matcher in matchers)


def find_reached(node: RouteNode, labels: dict[str, str]) -> list[RouteNode]:
    """The nodes at which Alertmanager ends with an alert: the innermost that match."""
    if not holds(node.matchers, labels):
        return []
    nodes: list[RouteNode] = []
    for child in node.children:
        below = find_reached(child, labels)
        nodes += below
        if below and not child.goes_on:
            break
    return nodes or [node]


def labels_that_reach(root: RouteNode, path: DocumentPath, matchers: Matchers) -> dict[str, str] | None:
    """Labels that bring an alert to the node at ``path``, of which ``matchers`` must hold; None when none were found.

    Where an alert ends elsewhere, the matchers that took it there are excluded, and other labels are looked for.
    """
    chains = dict(_chains(root))
    excluded: list[Matchers] = []
    for _ in range(_MOST_DETOURS):
        labels = labels_for(matchers, excluded)
        if labels is None:
            return None
        ends = [node.path for node in find_reached(root, labels)]
        if path in ends:
            return labels
        excluded.append(chains[ends[0]])
    return None


def sample_labels(root: RouteNode) -> list[dict[str, str]]:
    """Label sets on which routes part: each route's own, and these with one label more, less or other."""
    samples: dict[str, dict[str, str]] = {}
    known: dict[str, dict[str, None]] = {}
    for _, matchers in _chains(root):
        for matcher in matchers:
            known.setdefault(matcher.name, {}).update(dict.fromkeys(samples_of(matcher)))
        for labels in (labels_for(matchers), labels_for([]), labels_for(matchers[:-1])):
            samples.setdefault(str(labels), labels or {})
    for base in list(samples.values()):
        for name, values in known.items():
            for value in ("", "other", *itertools.islice(values, 4)):
                labels = {key: text for key, text in (base | {name: value}).items() if text}
                samples.setdefault(str(sorted(labels.items())), labels)
                if len(samples) >= MOST_SAMPLES:
                    return list({str(sorted(sample.items())): sample for sample in samples.values()}.values())
    return list({str(sorted(sample.items())): sample for sample in samples.values()}.values())


def samples_of(matcher: LabelMatcher) -> list[str]:
    """Values that the matcher's text speaks of, whether it wants them or not."""
    if not matcher.is_regex:
        return [matcher.value]
    if matcher.words is not None:
        return list(matcher.words)
    return [made for part in _alternatives(matcher.value) for made in (_make_sample(part, 1), _make_sample(part, 2))]


def _chains(node: RouteNode, above: Matchers = ()) -> Iterator[tuple[DocumentPath, Matchers]]:
    """Each node's path in the file, with the matchers from the root down to it."""
    matchers = (*above, *node.matchers)
    yield node.path, matchers
    for child in node.children:
        yield from _chains(child, matchers)


def _values(name: str, matchers: Sequence[LabelMatcher], excluded: Iterable[Matchers]) -> list[str]:
    """Values to try for a label: those that its own matchers take first."""
    own = [matcher for matcher in matchers if matcher.name == name]
    others = [matcher for group in excluded for matcher in group if matcher.name == name]
    tried = dict.fromkeys([*(value for matcher in (*own, *others) for value in samples_of(matcher)), *_OTHERS])
    taken = [value for value in tried if all(matcher.holds(value) for matcher in own)]
    return (taken if own else sorted(taken, key=bool))[:8]


def _alternatives(pattern: str) -> list[str]:
    """The parts between the bars of a pattern that stand in no bracket."""
    parts, depth, at, start = list[str](), 0, 0, 0
    while at < len(pattern):
        sign = pattern[at]
        if sign == "\\":
            at += 1
        elif sign == "[":
            at = _end_of_class(pattern, at) - 1
        depth += (sign == "(") - (sign == ")")
        if sign == "|" and depth == 0:
            parts.append(pattern[start:at])
            start = at + 1
        at += 1
    return [*parts, pattern[start:]]


def _make_sample(pattern: str, times: int) -> str:
    """A text that should fit a pattern without bars at its top; who uses it must ask whether it does."""
    made, at = "", 0
    while at < len(pattern):
        atom, at = _atom(pattern, at, times)
        count = _TIMES.match(pattern, at)
        if count is None:
            made += atom
            continue
        at = count.end()
        made += atom * (int(count[2]) if count[2] else times if count[1] == "+" else times - 1)
    return made


def _atom(pattern: str, at: int, times: int) -> tuple[str, int]:
    sign = pattern[at]
    if sign == "\\":
        following = pattern[at + 1 : at + 2]
        return _CLASSES.get(following, following), at + 2
    if sign == "[":
        end = _end_of_class(pattern, at)
        inside = pattern[at + 1 : end - 1]
        if inside.startswith("^"):
            return next((text for text in "x7-X " if _is_one_of(text, pattern[at:end])), "x"), end
        return (_CLASSES.get(inside[1:2], inside[1:2]) if inside.startswith("\\") else inside[:1]), end
    if sign == "(":
        end = at + 1
        depth = 1
        while end < len(pattern) and depth:
            depth += {"(": 1, ")": -1}.get(pattern[end], 0)
            end += 2 if pattern[end] == "\\" else 1
        inside = re.sub(r"^\?(?:P?<\w+>|[a-zA-Z-]*:|[a-zA-Z-]+$)", "", pattern[at + 1 : end - 1])
        return _make_sample(_alternatives(inside)[0], times), end
    return ("x" if sign == "." else "" if sign in "^$" else sign), at + 1


def _is_one_of(sign: str, signs: str) -> bool:
    try:
        return bool(compile_regex(f"^{signs}$").search(sign))
    except ValueError:
        return False


def _end_of_class(pattern: str, at: int) -> int:
    """Where a class that begins at ``at`` is over; a bracket that stands first in it is one of its own."""
    end = at + 2 if pattern[at + 1 : at + 2] != "^" else at + 3
    while end < len(pattern) and pattern[end] != "]":
        end += 2 if pattern[end] == "\\" else 1
    return min(end + 1, len(pattern))
