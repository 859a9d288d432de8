"""Conditions: what ``match:``, ``resolved:`` and the matchers of silences say, compiled to closures.

A mapping is a list of lines that must all hold. A line is a place and what must hold there (``value_tests.py``), or
``all:``, ``any:``, ``not:`` with more of the same, or ``undecodable: true``. A list is ``all:``.

An event whose payload could not be decoded as declared satisfies only conditions that speak of ``undecodable: true``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from rules.conditions.clauses import (
    ConditionNode,
    Equality,
    Holds,
    all_of,
    any_of,
    find_necessary,
    line_holds,
    never_holds,
    walk_conditions,
)
from rules.conditions.event_places import EventPlace, read_place
from rules.conditions.jsonpath import PathProblem
from rules.conditions.operators import OPERATORS, show_operand
from rules.conditions.place_advice import suggest_condition, suggest_regex, suggest_value
from rules.conditions.regex import RegexTooLarge
from rules.conditions.value_tests import MAX_NESTING, NEVER, compile_value
from rules.model import Event
from rules.source.places import Document
from rules.source.problems import DocumentPath, Place, Problem, path_text
from rules.source.words import suggest

CLAUSES: Final = ("all", "any", "not", "undecodable")
MAX_SEEN_VALUES: Final = 5
_TEXT_ROOTS: Final = ("attributes", "message", "text", "vars")
_QUOTES: Final = frozenset("\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb")
_WRITTEN_OUT: Final = re.compile(r"([$\w.\[\]'*-]+) *(?::|==?) *(\S.*)")


@dataclass(frozen=True, slots=True)
class ConditionTrace:
    """One part of a condition as it went for one event, for people to read.

    ``place`` is where it stands in the file, ``depth`` how deep it is nested. ``look`` is the place looked at, or
    ``all``, ``any``, ``not``; ``expects`` what must hold there; ``values`` the first few values, of ``found`` in all.
    ``decisive`` marks the part to look at first when the whole does not hold.
    """

    place: Place
    path: str
    depth: int
    look: str
    expects: str
    values: tuple[Any, ...]
    found: int
    held: bool
    decisive: bool = False

    @property
    def saw(self) -> str:
        """What was found, in words: ``"OK"``, ``nothing``, ``"a", "b" and 7 more``; "" for a clause."""
        if self.look in CLAUSES:
            return ""
        if not self.found:
            return "nothing"
        more = f" and {self.found - len(self.values)} more" if self.found > len(self.values) else ""
        return ", ".join(show_operand(value) for value in self.values) + more


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition.

    ``judge(event, now_us)`` raises RegexTooLarge when a regular expression meets a text that is too large for it, and
    nothing else; for ``holds(event, now_us)``, which never raises, the condition does not hold then.
    ``equalities`` are all necessary for it to hold, ``places`` all it looks at.
    ``knows_undecodable`` says that it speaks of undecodable events.
    """

    judge: Holds = field(compare=False, repr=False)
    root: ConditionNode = field(repr=False)
    equalities: tuple[Equality, ...]
    places: tuple[EventPlace, ...]
    knows_undecodable: bool

    def holds(self, event: Event, now_us: int) -> bool:
        """Whether the condition holds for the event."""
        try:
            return self.judge(event, now_us)
        except RegexTooLarge:
            return False

    def explain(self, event: Event, now_us: int) -> list[ConditionTrace]:
        """Every part of the condition in file order, with what it saw.

        If the whole does not hold, exactly one part is ``decisive``.
        """
        outcome = self.holds(event, now_us)
        if event.undecodable is not None and not self.knows_undecodable:
            node = self.root
            words = f"a payload that can be decoded ({event.undecodable}); match it with undecodable: true"
            return [
                ConditionTrace(node.at, node.path, 0, "payload", words, ("undecodable",), 1, held=False, decisive=True)
            ]
        decisive = None if outcome else _first_false(self.root, event, now_us)
        return list(_trace(self.root, event, now_us, 0, decisive))


def compile_match(
    value: Any,
    document: Document,
    path: DocumentPath,
    problems: list[Problem],
    variables: Collection[str] | None = None,
) -> Condition:
    """Compile the condition ``value``, which stands at ``path`` of a document.

    What is wrong with it, all of it, is added to ``problems``; the condition then never holds. A condition that can
    never hold for other reasons is a warning. ``variables`` are the names that ``vars.NAME`` may have, None if any.
    """
    before = sum(problem.kind == "error" for problem in problems)
    root = _Compiler(document, problems, variables).clause(value, path)
    broken = sum(problem.kind == "error" for problem in problems) > before
    lines = [node for node in walk_conditions(root) if node.kind == "line"]
    knows_undecodable = any(node.kind == "undecodable" for node in walk_conditions(root))
    holds = never_holds if broken else root.holds if knows_undecodable else _decodable(root.holds)
    places = tuple(dict.fromkeys(node.look for node in lines if node.look is not None))
    return Condition(holds, root, tuple(find_necessary(root)), places, knows_undecodable)


def _decodable(holds: Holds) -> Holds:
    return lambda event, now_us: event.undecodable is None and holds(event, now_us)


class _Compiler:
    """Turns what YAML said into nodes, and collects the problems of all of it."""

    def __init__(self, document: Document, problems: list[Problem], variables: Collection[str] | None) -> None:
        self._document = document
        self._problems = problems
        self._variables = variables

    def clause(self, value: Any, path: DocumentPath) -> ConditionNode:
        """A mapping of lines or a list of clauses: all must hold."""
        if len(path) > MAX_NESTING:
            self._say(path, f"conditions are nested deeper than {MAX_NESTING} levels")
            return self._combine("all", [], path)
        return self._group("all", value, path)

    def _group(self, kind: Literal["all", "any"], given: Any, path: DocumentPath) -> ConditionNode:
        if isinstance(given, dict):
            parts = [self._line(name, value, (*path, name)) for name, value in given.items()]
        elif isinstance(given, list):
            parts = [self.clause(member, (*path, n)) for n, member in enumerate(given)]
        else:
            self._say(path, f"{show_operand(given)} is not a condition; {_as_condition(given)}")
            parts = []
        return self._combine(kind, parts, path)

    def _combine(self, kind: Literal["all", "any"], parts: list[ConditionNode], path: DocumentPath) -> ConditionNode:
        if kind == "all":
            never = next((part.never for part in parts if part.never), "") or self._contradiction(parts, path)
        elif not parts:
            never = self._warn(path, "nothing stands under any:")
        else:
            never = parts[0].never if all(part.never for part in parts) else ""
        holds = (all_of if kind == "all" else any_of)(tuple(part.holds for part in parts))
        return ConditionNode(kind, self._document.key_place_of(path), path_text(path), holds, tuple(parts), never=never)

    def _line(self, name: str, value: Any, path: DocumentPath) -> ConditionNode:
        if name in {"all", "any"}:
            return self._group(name, value, path)  # type: ignore[arg-type]
        at, where = self._document.key_place_of(path), path_text(path)
        if name == "not":
            inner = self.clause(value, path)
            holds = inner.holds
            never = self._warn(path, "nothing stands under not:") if value in ({}, []) else ""
            return ConditionNode(
                "not", at, where, lambda event, now_us: not holds(event, now_us), (inner,), never=never
            )
        if name == "undecodable":
            if not isinstance(value, bool):
                self._say(path, f"undecodable is true or false, not {show_operand(value)}")
            wanted = value is True
            return ConditionNode(
                "undecodable", at, where, lambda event, now_us: (event.undecodable is not None) is wanted
            )
        look = self._place(name, path)
        if look is None and (_is_clause(name) or name in {"or", "and"}):
            return ConditionNode("line", at, where, never_holds)
        test = compile_value(value, self._document, path, self._problems)
        if look is None or test is NEVER:
            return ConditionNode("line", at, where, never_holds, look=look)
        self._doubt(value, path)
        never = test.never or _never_so(look, test.constants)
        if never:
            self._warn(path, never)
        return ConditionNode("line", at, where, line_holds(look, test), look=look, test=test, never=never)

    def _doubt(self, value: Any, path: DocumentPath) -> None:
        """Warn of a value that is meant otherwise: an operator of another language, quotes that are none."""
        pattern = value.get("regex") if isinstance(value, dict) else None
        glob = value.get("like") if isinstance(value, dict) else None
        meant = suggest_value(value) or (suggest_regex(pattern) if isinstance(pattern, str) else "")
        if isinstance(glob, str) and "%" in glob and not set("*?[") & set(glob):
            meant = f'{{like: "{glob.replace("%", "*")}"}}'
        if isinstance(value, str) and value[:1] in _QUOTES and value[-1:] in _QUOTES:
            meant = f'"{value[1:-1]}"'
        if meant:
            text = f"{show_operand(value)} is taken as it is written; did you mean {meant}?"
            self._problems.append(self._document.problem(path, text, kind="warning"))

    def _place(self, name: str, path: DocumentPath) -> EventPlace | None:
        try:
            return read_place(name, self._variables)
        except PathProblem as problem:
            text = str(problem)
            if name in OPERATORS or name in {"every", "or", "and"}:
                text = f'"{name}" cannot stand here; {_where_it_stands(name)}'
            elif _is_clause(name):
                text = f'"{name}" is no place to look at{suggest(name, CLAUSES)}'
            place = self._document.place_in_key(path, problem.column)
            self._problems.append(Problem(place, path_text(path), text))
            return None

    def _contradiction(self, parts: list[ConditionNode], path: DocumentPath) -> str:
        """Two lines that want different constants of one and the same value."""
        wanted: dict[EventPlace, frozenset[Hashable]] = {}
        for equality in (equality for part in parts for equality in find_necessary(part)):
            place = equality.place
            wanted[place] = wanted.get(place, equality.constants) & equality.constants
            if not wanted[place] and place.is_single:
                return self._warn(path, f"{place.text} cannot equal all that is asked of it")
        return ""

    def _say(self, path: DocumentPath, text: str) -> None:
        self._problems.append(self._document.problem(path, text))

    def _warn(self, path: DocumentPath, text: str) -> str:
        self._problems.append(self._document.problem(path, f"this never holds: {text}", at_key=True, kind="warning"))
        return text


def _is_clause(name: str) -> bool:
    """Whether somebody who wrote this place meant ``all``, ``any`` or ``not``."""
    return name not in OPERATORS and bool(suggest(name, CLAUSES))


def _as_condition(value: Any) -> str:
    """How to write what somebody wrote as a text."""
    meant = suggest_condition(value) if isinstance(value, str) else ""
    if meant:
        alerts = meant.startswith("$.") and not value.strip().startswith("$") and "." not in meant[2:].partition(":")[0]
        text = f', or "$.labels.{meant[2:]}" for alerts of Prometheus' if alerts else ""
        return f'write "{meant}"{text}'
    match = _WRITTEN_OUT.fullmatch(value) if isinstance(value, str) else None
    if match is not None:
        return f'write "{match[1]}: {match[2]}", with a blank behind the colon'
    word = value if isinstance(value, str) and re.fullmatch(r"[A-Za-z]\w*", value) else "CRITICAL"
    return f"write a mapping of places to what must hold there, such as $.status: {word}"


def _never_so(look: EventPlace, constants: Collection[Hashable] | None) -> str:
    """Why none of these constants can ever stand at a place, or ""."""
    if not constants:
        return ""
    root = look.text.partition(".")[0].partition("[")[0]
    if look.text == "message.offset":
        is_text = all(isinstance(constant, str) for constant in constants)
        return "message.offset is a number; write it without quotes" if is_text else ""
    if root in _TEXT_ROOTS and not any(isinstance(constant, str) for constant in constants):
        text = min(show_operand(constant[1] if isinstance(constant, tuple) else constant) for constant in constants)
        return f'{look.text} is a text, and values are compared with their type; write it in quotes: "{text}"'
    if look.text in {"message.topic", "message.project"} and all("/" in str(constant) for constant in constants):
        return f"{look.text} is the short name, without projects/ and topics/"
    return ""


def _where_it_stands(name: str) -> str:
    if name in {"or", "and"}:
        return f'write "{"any" if name == "or" else "all"}"'
    return f"write it under a place, such as $.status: {OPERATORS[name].example}"


def part_holds(node: ConditionNode, event: Event, now_us: int) -> bool:
    """Whether a part of a condition holds by itself; one that is too complex for the event does not."""
    try:
        return node.holds(event, now_us)
    except RegexTooLarge:
        return False


def _first_false(node: ConditionNode, event: Event, now_us: int) -> ConditionNode:
    """The part of a node that does not hold at which a person should look first."""
    if node.kind == "all":
        for part in node.parts:
            if not part_holds(part, event, now_us):
                return _first_false(part, event, now_us)
    if node.kind == "any" and len(node.parts) == 1:
        return _first_false(node.parts[0], event, now_us)
    return node


def _trace(
    node: ConditionNode, event: Event, now_us: int, depth: int, decisive: ConditionNode | None
) -> Iterator[ConditionTrace]:
    outcome = part_holds(node, event, now_us)
    if node.kind == "line":
        matches = node.look.find_in(event) if node.look is not None else ()
        look = node.look.text if node.look is not None else node.path
        values = tuple(matches[:MAX_SEEN_VALUES])
        yield ConditionTrace(
            node.at, node.path, depth, look, node.test.text, values, len(matches), outcome, node is decisive
        )
        return
    inner_depth = depth
    if node.kind != "all" or (depth > 0 and len(node.parts) != 1):
        expects = {"all": "all of these", "any": "one of these", "not": "not this"}.get(node.kind, "")
        if node.kind == "undecodable":
            expects = "a payload that cannot be decoded"
        yield ConditionTrace(node.at, node.path, depth, node.kind, expects, (), 0, outcome, node is decisive)
        inner_depth += 1
    for part in node.parts:
        yield from _trace(part, event, now_us, inner_depth, decisive)
