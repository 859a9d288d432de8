"""The ``tests:`` of rule files as records: what happens in one, and what must come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rules.events.decode import Decoded
from rules.model import Incoming, Silence
from rules.source.problems import Place


@dataclass(frozen=True, slots=True)
class CaseMessage:
    """One message of a case, ``at_us`` after its start."""

    at_us: int
    incoming: Incoming
    decoded: Decoded | None = None


@dataclass(frozen=True, slots=True)
class CaseTake:
    """What a person does in a case: take the incident of a key, ``at_us`` after the start.

    Of any rule where ``rule`` is "".
    """

    place: Place
    at_us: int
    key: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Matcher:
    """What a text must be in a test: all that is said must hold. ``snapshot`` names a file with the expected text."""

    equals: Any = None
    wants_equal: bool = False
    contains: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    regex: tuple[str, ...] = ()
    snapshot: str = ""


@dataclass(frozen=True, slots=True)
class Expected:
    """One send that must happen; what it does not say may be anything.

    ``parts`` are matchers for texts of the post, ``fields`` for its fields by title, ``overrides`` for the send entry's
    other keys. ``at_us`` None is any time, ``shadow`` None is either. ``fallback`` is which template failed and why:
    one that fails and is not expected is a difference.
    """

    place: Place
    rule: str = ""
    to: str = ""
    at_us: int | None = None
    shadow: bool | None = None
    parts: Mapping[str, Matcher] = field(default_factory=dict)
    fields: Mapping[str, Matcher] = field(default_factory=dict)
    overrides: Mapping[str, Matcher] = field(default_factory=dict)
    body: Matcher | None = None
    fallback: Matcher | None = None


@dataclass(frozen=True, slots=True)
class ExpectedQuiet:
    """One send that must be kept quiet, and by what (``duplicate``, ``group``, ``silence`` ...)."""

    place: Place
    rule: str = ""
    to: str = ""
    by: str = ""
    key: str = ""
    at_us: int | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One test of a rule file. ``expect`` None means that it expects nothing in particular (``quiet`` only)."""

    name: str
    place: Place
    start_us: int
    messages: tuple[CaseMessage, ...]
    until_us: int
    silences: tuple[Silence, ...]
    expect: tuple[Expected, ...] | None
    quiet: tuple[ExpectedQuiet, ...] = ()
    takes: tuple[CaseTake, ...] = ()
