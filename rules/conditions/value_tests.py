"""The right side of a condition's line: what must hold for the values found at a place.

Positive operators hold when one found value satisfies all of them; ``not`` when something is found and nothing found
satisfies what is inside; ``every`` when something is found and all of it satisfies what is inside.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from rules.conditions.comparing import NO_KEY, comparison_key
from rules.conditions.operator_advice import OTHER_NAMES
from rules.conditions.operators import OPERATORS, OperatorTest, beginnings_of, one_of, show_operand
from rules.source.places import Document
from rules.source.problems import DocumentPath, Problem
from rules.source.words import suggest_of

FoundValues: TypeAlias = Sequence[Any]
FoundTest: TypeAlias = Callable[[FoundValues, int], bool]

MAX_NESTING: Final = 60
_TIMED: Final = frozenset({"older_than", "newer_than"})
_CONTRADICTIONS: Final = (("gt", "lt"), ("gt", "lte"), ("gte", "lt"), ("gte", "lte"))


@dataclass(frozen=True, slots=True)
class ValueTest:
    """A compiled right side of a condition's line.

    ``holds(found, now_us)`` never raises. ``text`` is how people read it: ``equals "CRITICAL"``. ``constants`` (as
    ``key_of`` makes them) are such that one found value must be among them for the test to hold, or None when nothing
    so simple is needed. ``exact`` says that this is also enough. ``beginnings`` are such that one found text must begin
    with one of them, or None. ``never`` says why it cannot hold, or "".
    """

    holds: FoundTest
    text: str
    constants: frozenset[Hashable] | None = None
    exact: bool = False
    never: str = ""
    beginnings: frozenset[str] | None = None


NEVER: Final = ValueTest(lambda values, now_us: False, "never", never="it has a problem")


def compile_value(value: Any, document: Document, path: DocumentPath, problems: list[Problem]) -> ValueTest:
    """Compile the right side at ``path`` of a document; what is wrong is added to ``problems``."""
    if len(path) > MAX_NESTING:
        problems.append(document.problem(path, f"conditions are nested deeper than {MAX_NESTING} levels"))
        return NEVER
    if isinstance(value, dict):
        return _Operators(value, document, path, problems).compile()
    if isinstance(value, list):
        return _one_of(value, document, path, problems)
    return _equal_to([value], f"equals {show_operand(value)}")


def _equal_to(values: list[Any], text: str) -> ValueTest:
    never = "" if values else "the list is empty, so nothing is in it"
    keys = frozenset(comparison_key(value) for value in values)
    test = _any_found(one_of(values)) if values else NEVER.holds
    return ValueTest(test, text, None if NO_KEY in keys else keys, exact=NO_KEY not in keys, never=never)


def _one_of(choices: list[Any], document: Document, path: DocumentPath, problems: list[Problem]) -> ValueTest:
    """A list: one of its members, each a value or a mapping of operators."""
    plain = [member for member in choices if not isinstance(member, dict)]
    if len(plain) == len(choices):
        return _equal_to(choices, f"is one of {show_operand(choices)}")
    tests = [
        compile_value(member, document, (*path, n), problems)
        for n, member in enumerate(choices)
        if isinstance(member, dict)
    ]
    if plain:
        tests.append(_equal_to(plain, f"is one of {show_operand(plain)}"))
    constants = _unite([test.constants for test in tests])
    return ValueTest(
        lambda values, now_us: any(test.holds(values, now_us) for test in tests),
        " or ".join(test.text for test in tests),
        constants,
        exact=constants is not None and all(test.exact for test in tests),
        never=tests[0].never if all(test.never for test in tests) else "",
    )


def _any_found(test: OperatorTest) -> FoundTest:
    def holds(values: FoundValues, now_us: int) -> bool:
        return any(test(value, now_us) for value in values)

    return holds


def _unite(several: Collection[frozenset[Hashable] | None]) -> frozenset[Hashable] | None:
    known = [constants for constants in several if constants is not None]
    return frozenset().union(*known) if known and len(known) == len(several) else None


class _Operators:
    """A mapping of operators on its way to a ValueTest."""

    def __init__(
        self, mapping: dict[str, Any], document: Document, path: DocumentPath, problems: list[Problem]
    ) -> None:
        self.said = mapping
        self.document = document
        self.path = path
        self.problems = problems
        self.ignore_case = mapping.get("ignore_case", False) is True
        self.one: list[OperatorTest] = []  # of one value, all together
        self.all: list[FoundTest] = []  # of all values found
        self.texts: list[str] = []
        self.constants: frozenset[Hashable] | None = None
        self.beginnings: frozenset[str] | None = None
        self.never = ""

    def compile(self) -> ValueTest:
        """All operators together."""
        before = len(self.problems)
        for name, operand in self.said.items():
            self._add(name, operand)
        self._check_ignore_case()
        if not self.said:
            self._say((), "there is no operator here; write one, such as {equals: OK}, or the value itself")
        if len(self.problems) > before:
            return NEVER
        self._check_contradictions()
        ignored = " (ignoring case)" if self.ignore_case else ""
        exact = self.constants is not None and len(self.one) == 1 and not self.all and not self.ignore_case
        text = " and ".join(self.texts) + ignored
        return ValueTest(self._holds(), text, self.constants, exact, self.never, self.beginnings)

    def _holds(self) -> FoundTest:
        single, every = tuple(self.one), tuple(self.all)
        if not every and len(single) == 1:
            return _any_found(single[0])
        if not single and len(every) == 1:
            return every[0]

        def holds(values: FoundValues, now_us: int) -> bool:
            if not all(test(values, now_us) for test in every):
                return False
            return not single or any(all(test(value, now_us) for test in single) for value in values)

        return holds

    def _say(self, step: DocumentPath, text: str, *, at_key: bool = True) -> None:
        self.problems.append(self.document.problem((*self.path, *step), text, at_key=at_key))

    def _add(self, name: str, operand: Any) -> None:
        operator = OPERATORS.get(name)
        if operator is None:
            self._say((name,), _unknown(name))
        elif name == "exists":
            self._add_exists(operand)
        elif name in {"not", "every"}:
            self._add_inner(name, operand)
        elif operator.make is not None:
            try:
                test = operator.make(operand, self.ignore_case)
            except ValueError as error:
                self._say((name,), str(error), at_key=False)
                return
            self.one.append(test)
            self.texts.append(f"{name} {show_operand(operand)}")
            if name == "equals" and not self.ignore_case and comparison_key(operand) is not NO_KEY:
                self._narrow(frozenset({comparison_key(operand)}))
            if not self.ignore_case:
                self.beginnings = self.beginnings or beginnings_of(name, operand)
            if operand == [] and name != "equals":
                self.never = "the list is empty, so nothing is in it"

    def _add_exists(self, wanted: Any) -> None:
        if not isinstance(wanted, bool):
            self._say(("exists",), f"exists is true or false, not {show_operand(wanted)}", at_key=False)
            return
        self.all.append(lambda values, now_us: bool(values) is wanted)
        self.texts.append("exists" if wanted else "does not exist")
        if not wanted and len(self.said) > 1:
            self.never = "nothing else can hold of what does not exist"

    def _add_inner(self, name: str, operand: Any) -> None:
        inner = compile_value(operand, self.document, (*self.path, name), self.problems)
        holds = inner.holds
        if name == "every":
            self.all.append(lambda values, now_us: bool(values) and all(holds((value,), now_us) for value in values))
            self.texts.append(f"every one {inner.text}")
            self.never = self.never or inner.never
            if inner.constants is not None:
                self._narrow(inner.constants)
            return
        self.all.append(lambda values, now_us: bool(values) and not any(holds((value,), now_us) for value in values))
        self.texts.append(f"exists and not ({inner.text})")
        if isinstance(operand, dict) and operand.get("exists") is True and len(operand) == 1:
            self.never = "{not: {exists: true}} needs something that is found and is not there; write {exists: false}"

    def _narrow(self, constants: frozenset[Hashable]) -> None:
        self.constants = constants if self.constants is None else self.constants & constants
        if not self.constants:
            self.never = "nothing equals all these values at once"

    def _check_ignore_case(self) -> None:
        if "ignore_case" not in self.said:
            return
        if not isinstance(self.said["ignore_case"], bool):
            self._say(("ignore_case",), "ignore_case is true or false", at_key=False)
        folding = [name for name, operator in OPERATORS.items() if operator.folds]
        if not any(name in self.said for name in folding):
            self._say(("ignore_case",), f"ignore_case needs an operator beside it: {', '.join(folding)}")

    def _check_contradictions(self) -> None:
        """What can be seen without an event: an empty range, a constant that fails what stands beside it."""
        for above, below in _CONTRADICTIONS:
            low, high = self.said.get(above), self.said.get(below)
            if isinstance(low, int | float) and isinstance(high, int | float):
                open_end = above == "gt" or below == "lt"
                if low > high or (low == high and open_end):
                    self.never = f"nothing is both {above} {show_operand(low)} and {below} {show_operand(high)}"
        timed = _TIMED & self.said.keys()
        if "equals" in self.said and not timed and not all(test(self.said["equals"], 0) for test in self.one):
            self.never = f"{show_operand(self.said['equals'])} does not satisfy the operators beside it"


def _unknown(name: str) -> str:
    """What to say of an operator that is not there, or whose plugin cannot be used."""
    fault = OPERATORS.fault_of(name)
    if fault:
        return f'the operator "{name}" cannot be used: {fault}'
    text = f"; {OTHER_NAMES[name]}" if name in OTHER_NAMES else suggest_of(name, OPERATORS, "operators")
    return f'unknown operator "{name}"{text}'
