"""The operators of conditions, each a function from what a rule says to a test of one value.

``OPERATORS`` is the whole list, in the order of the reference, and then those of plugins. ``exists``, ``not`` and
``every`` are about all values found at a place together and are built in ``value_tests.py``; they stand here for the
reference.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from rules.conditions.comparing import are_equal, comparison_key, number_of
from rules.conditions.regex import compile_regex
from rules.events.times import dashed_time_us, time_us
from rules.plugins import NotAPlugin, Registry
from rules.source.words import duration_s

OperatorTest: TypeAlias = Callable[[Any, int], bool]
"""Whether one value satisfies an operator, at ``now_us``; never raises."""

_WILD: Final = re.compile(r"[*?\[]")
_ADDRESS_RUNES: Final = 64


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator: its name, what it says (for the reference), and how its test is made.

    ``make(given, ignore_case)`` raises ValueError with what is wrong with ``given`` and what would help. Operators that
    ``folds`` is set for heed ``ignore_case``. ``about`` tells whether the test is of one value or of all values found.
    """

    name: str
    meaning: str
    example: str
    make: Callable[[Any, bool], OperatorTest] | None = None
    folds: bool = False
    about: Literal["one", "all"] = "one"


def equals(given: Any, ignore_case: bool) -> OperatorTest:
    """The test that a value equals this one, a list or a mapping as a whole."""
    if isinstance(given, str):
        if ignore_case:
            folded = given.casefold()
            return lambda value, _: isinstance(value, str) and value.casefold() == folded
        return lambda value, _: isinstance(value, str) and value == given
    if isinstance(given, dict | list):
        return lambda value, _: are_equal(value, given)
    key = comparison_key(given)
    return lambda value, _: comparison_key(value) == key


def one_of(choices: list[Any]) -> OperatorTest:
    """The test that a value equals one of several; scalars are looked up, not compared one by one."""
    if len(choices) == 1:
        return equals(choices[0], False)
    if any(isinstance(value, dict | list) for value in choices):
        tests = [equals(value, False) for value in choices]
        return lambda value, now_us: any(test(value, now_us) for test in tests)
    keys = frozenset(comparison_key(value) for value in choices)
    return lambda value, _: comparison_key(value) in keys


def _like(given: Any, ignore_case: bool) -> OperatorTest:
    flags = re.IGNORECASE if ignore_case else re.NOFLAG
    globs = [re.compile(fnmatch.translate(glob), flags).match for glob in _texts(given, "a glob", "CDI-*")]
    return lambda value, _: isinstance(value, str) and any(match(value) is not None for match in globs)


def beginnings_of(name: str, value: Any) -> frozenset[str] | None:
    """Texts such that whatever satisfies the operator begins with one of them; None when there are none."""
    if name not in {"like", "starts_with"}:
        return None
    texts = value if isinstance(value, list) else [value]
    beginnings = frozenset(_WILD.split(text, maxsplit=1)[0] if name == "like" else text for text in texts)
    return beginnings if beginnings and all(beginnings) else None


def _regex(given: Any, ignore_case: bool) -> OperatorTest:
    patterns = _texts(given, "a regular expression", "'^CDI-\\d+$'")
    searches = [compile_regex(pattern, ignore_case=ignore_case).search for pattern in patterns]
    return lambda value, _: isinstance(value, str) and any(search(value) for search in searches)


def _contains(given: Any, ignore_case: bool) -> OperatorTest:
    tests = [_contains_one(wanted, ignore_case) for wanted in (given if isinstance(given, list) else [given])]
    return tests[0] if len(tests) == 1 else lambda value, now_us: any(test(value, now_us) for test in tests)


def _contains_one(wanted: Any, ignore_case: bool) -> OperatorTest:
    is_equal = equals(wanted, ignore_case)
    part = (wanted.casefold() if ignore_case else wanted) if isinstance(wanted, str) else None

    def test(value: Any, now_us: int) -> bool:
        if isinstance(value, str):
            return part is not None and part in (value.casefold() if ignore_case else value)
        return isinstance(value, dict | list) and any(is_equal(member, now_us) for member in value)

    return test


def _starts_with(given: Any, ignore_case: bool) -> OperatorTest:
    starts = tuple(_fold(text, ignore_case) for text in _texts(given, "a text", "CDI-"))
    return lambda value, _: isinstance(value, str) and _fold(value, ignore_case).startswith(starts)


def _ends_with(given: Any, ignore_case: bool) -> OperatorTest:
    ends = tuple(_fold(text, ignore_case) for text in _texts(given, "a text", ".example.org"))
    return lambda value, _: isinstance(value, str) and _fold(value, ignore_case).endswith(ends)


def _order(compare: Callable[[Any, Any], bool]) -> Callable[[Any, bool], OperatorTest]:
    def make(given: Any, _: bool) -> OperatorTest:
        if isinstance(given, str):
            bound_us = dashed_time_us(given)
            if bound_us is None:
                raise ValueError(_no_bound(given))
            return lambda value, _: (at_us := time_us(value)) is not None and compare(at_us, bound_us)
        bound = number_of(given)
        if bound is None or bound != bound:  # NaN is the one number that is not itself
            raise ValueError(_no_bound(given))
        return lambda value, _: (number := number_of(value)) is not None and compare(number, bound)

    return make


def _no_bound(value: Any) -> str:
    if isinstance(value, str) and number_of(value) is not None:
        return f'"{value}" is a text; write the number without quotes'
    return f"{show_operand(value)} is neither a number nor a date or time such as 2026-01-31 or 2026-01-31T12:00:00Z"


def _cidr(given: Any, _: bool) -> OperatorTest:
    networks = [_network(text) for text in _texts(given, "a network", "10.0.0.0/8")]

    def test(value: Any, now_us: int) -> bool:
        address = _address(value)
        return address is not None and any(address in network for network in networks)

    return test


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return _without_mapping(ipaddress.ip_network(text))
    except ValueError:
        pass
    try:
        meant = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f'"{text}" is no network; write one such as 10.0.0.0/8 or 2001:db8::/32') from None
    raise ValueError(f'"{text}" is an address within a network; the network is {meant}')


def _without_mapping(
    network: ipaddress.IPv4Network | ipaddress.IPv6Network,
) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """``::ffff:10.0.0.0/104`` as 10.0.0.0/8, for addresses are compared so too."""
    mapped = network.network_address.ipv4_mapped if isinstance(network, ipaddress.IPv6Network) else None
    if mapped is None or network.prefixlen < 96:
        return network
    return ipaddress.IPv4Network((mapped, network.prefixlen - 96))


def _address(value: Any) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if not isinstance(value, str) or len(value) > _ADDRESS_RUNES:
        return None
    try:
        address = ipaddress.ip_address(value.strip())
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped


def _older_than(given: Any, _: bool) -> OperatorTest:
    age_us = round(duration_s(given) * 1_000_000)
    return lambda value, now_us: (at_us := time_us(value)) is not None and now_us - at_us > age_us


def _newer_than(given: Any, _: bool) -> OperatorTest:
    age_us = round(duration_s(given) * 1_000_000)
    return lambda value, now_us: (at_us := time_us(value)) is not None and now_us - at_us < age_us


_ALL: Final = (
    Operator("equals", "equal to this value; with a list, to the whole list", "{equals: CRITICAL}", equals, folds=True),
    Operator(
        "not", "something is found, and nothing found satisfies what is inside", "{not: [OK, UNKNOWN]}", about="all"
    ),
    Operator(
        "like",
        "a glob, or one of several: * any text, ? one character, [abc] one of these",
        '{like: "CDI-*"}',
        _like,
        folds=True,
    ),
    Operator(
        "regex",
        "a regular expression (RE2), or one of several, found anywhere",
        "{regex: '^CDI-\\d+'}",
        _regex,
        folds=True,
    ),
    Operator(
        "gt",
        "greater than a number (numeric texts count), or later than a date or time",
        "{gt: 5}",
        _order(operator.gt),
    ),
    Operator("gte", "as gt, or equal", "{gte: 2026-01-31}", _order(operator.ge)),
    Operator("lt", "less than a number, or earlier than a date or time", "{lt: 5}", _order(operator.lt)),
    Operator("lte", "as lt, or equal", "{lte: 5}", _order(operator.le)),
    Operator("exists", "true: something is found, null included; false: nothing is", "{exists: true}", about="all"),
    Operator(
        "contains",
        "part of a text, member of a list, or key of a mapping; of a list, one of them",
        "{contains: disk}",
        _contains,
        folds=True,
    ),
    Operator("starts_with", "how a text begins, or one of several", "{starts_with: CDI-}", _starts_with, folds=True),
    Operator("ends_with", "how a text ends, or one of several", "{ends_with: .example.org}", _ends_with, folds=True),
    Operator("cidr", "an IP address within a network, or one of several", "{cidr: 10.0.0.0/8}", _cidr),
    Operator("older_than", "a time (ISO 8601 or epoch) longer ago than this", "{older_than: 10m}", _older_than),
    Operator(
        "newer_than", "a time (ISO 8601 or epoch) less long ago than this, or to come", "{newer_than: 10m}", _newer_than
    ),
    Operator(
        "every", "something is found, and all that is found satisfies what is inside", "{every: firing}", about="all"
    ),
    Operator(
        "ignore_case",
        "beside equals, like, regex, contains, starts_with or ends_with: upper and lower case are one",
        "{like: cdi-*, ignore_case: true}",
        about="all",
    ),
)


@dataclass(frozen=True, slots=True)
class OperatorPlugin:
    """An operator of a plugin: the promise of ams-bridge it was made for, and the operator. Its tests are of one value.

    ``operator.name`` is the name of its entry point. A test that raises costs its message: it becomes a dead letter.
    """

    promise: int
    operator: Operator


def _adopt(name: str, plugin: object) -> Operator:
    if not isinstance(plugin, OperatorPlugin):
        raise NotAPlugin("what it names is no OperatorPlugin")
    entry = plugin.operator
    if entry.name != name or entry.make is None or entry.about != "one":
        raise NotAPlugin(f'its operator is not one of single values with the name "{name}" and a make')
    return entry


OPERATORS: Final = Registry("operators", {entry.name: entry for entry in _ALL}, _adopt)
"""Every operator a condition may use, by name."""


def _texts(value: Any, what: str, example: str) -> list[str]:
    """One text or a list of them, as a list; raises ValueError when it is anything else."""
    texts = value if isinstance(value, list) else [value]
    for text in texts:
        if not isinstance(text, str):
            raise ValueError(f"{show_operand(text)} is not {what}; write a text, such as {example}")  # noqa: TRY004
    return texts


def _fold(text: str, ignore_case: bool) -> str:
    return text.casefold() if ignore_case else text


def show_operand(value: Any) -> str:
    """A value as YAML would say it, short enough for a line: ``"CRITICAL"``, ``5``, ``true``, ``null``, ``[1, 2]``."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= 60 else f'"{value[:57]}..."'
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list):
        inside = ", ".join(show_operand(member) for member in value[:5])
        return f"[{inside}{', ...' if len(value) > 5 else ''}]"
    return "{" + ", ".join(f"{key}: ..." for key in list(value)[:5]) + "}" if isinstance(value, dict) else str(value)
