"""Silences: while one holds, sends that its matchers fit are suppressed.

Matchers are conditions of the rule language over ``rule topic destination key severity`` and over places of the event;
all must hold. A delivery that waits carries the event's small values as ``places``, so that a silence made later can
still be compared with it (semantics.md item 20).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from rules.conditions.conditions import Condition, compile_match
from rules.deciding.quiet.verdicts import Hidden
from rules.model import Event, MessageFacts, Silence
from rules.rendering.markdown_escape import make_storable
from rules.source.places import wrap_unplaced
from rules.source.problems import Place, Problem, ProblemsFound, has_errors

FACT_NAMES: Final = ("rule", "topic", "destination", "key", "severity")
MAX_PLACES: Final = 32
MAX_PLACE_RUNES: Final = 200
_DEEPEST: Final = 20
_NOWHERE: Final = MessageFacts(id="", offset=-1, topic="", project="", publish_time_us=0)
_READS_AS_JSON: Final = re.compile(
    r"""\s*
    (?: -?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?
      | ["{\[].*
      | true | false | null | NaN | -?Infinity )?
    \s*""",
    re.VERBOSE | re.DOTALL,
)
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a silence sees of a send beside its event; ``severity`` is asked for only when a matcher names it."""

    rule: str
    topic: str
    destination: str
    key: str
    severity: Callable[[], str]


@dataclass(frozen=True, slots=True)
class CompiledSilence:
    """A silence whose matchers are ready to run."""

    silence: Silence
    facts: Condition | None
    event: Condition | None
    sees_severity: bool
    has_globs: bool = False

    def fits(self, facts: Facts, event: Event, now_us: int) -> bool:
        """Whether all matchers hold, whatever the time of the silence."""
        if self.facts is not None:
            values = {"rule": facts.rule, "topic": facts.topic, "destination": facts.destination, "key": facts.key}
            if self.sees_severity:
                values["severity"] = facts.severity()
            if not self.facts.holds(Event(data=values, text="", attributes={}, message=_NOWHERE), now_us):
                return False
        if self.event is None or self.event.holds(event, now_us):
            return True
        return self.has_globs and self.event.holds(_with_texts(event), now_us)


@dataclass(frozen=True, slots=True)
class SilenceBook:
    """All silences that may hold, compiled once per change of the catalog."""

    silences: tuple[CompiledSilence, ...] = ()

    def find_covering(self, facts: Facts, event: Event, now_us: int) -> Hidden | None:
        """The silence that covers a send and lasts longest, or None."""
        longest: Silence | None = None
        for compiled in self.silences:
            silence = compiled.silence
            if not silence.starts_us <= now_us < silence.until_us:
                continue
            if (longest is None or silence.until_us > longest.until_us) and compiled.fits(facts, event, now_us):
                longest = silence
        return None if longest is None else Hidden(f"silence:{longest.id}", longest.until_us)


NO_SILENCES: Final = SilenceBook()


def compile_silences(silences: Iterable[Silence]) -> SilenceBook:
    """The silences ready to run, in the given order. Raises ProblemsFound for matchers that nobody can read."""
    return SilenceBook(tuple(compile_silence(silence) for silence in silences))


def compile_silence(silence: Silence) -> CompiledSilence:
    """One silence ready to run. Raises ProblemsFound; a silence without matchers would silence everything."""
    if not silence.matchers:
        text = 'a silence needs at least one matcher; to silence everything, say rule: {like: "*"}'
        raise ProblemsFound([Problem(Place(f"silence {silence.id}"), "matchers", text)])
    facts = {f"$.{name}": value for name, value in silence.matchers.items() if name in FACT_NAMES}
    event = {place: value for place, value in silence.matchers.items() if place not in FACT_NAMES}
    problems: list[Problem] = []
    file = f"silence {silence.id}"
    compiled = CompiledSilence(
        silence=silence,
        facts=compile_match(facts, wrap_unplaced(facts, file), (), problems) if facts else None,
        event=compile_match(event, wrap_unplaced(event, file), (), problems) if event else None,
        sees_severity="severity" in silence.matchers,
        has_globs=any(isinstance(value, dict) and "like" in value for value in event.values()),
    )
    if has_errors(problems):
        raise ProblemsFound(problems)
    return compiled


def covers_waiting(silence: CompiledSilence, facts: Facts, places: Mapping[str, str], now_us: int) -> bool:
    """Whether a silence fits a delivery that waits, as far as its stored ``places`` tell."""
    return silence.fits(facts, event_of_places(places), now_us)


def places_of(event: Event) -> dict[str, str]:
    """The small values of an event by place (``$.status``, ``$.labels.job``, ``attributes.vo``), at most 32.

    Texts stand as they are unless they would read as JSON; everything else is JSON.
    """
    places: dict[str, str] = {}
    for place, value in _small_values(event):
        if isinstance(value, str):
            text = value if _READS_AS_JSON.fullmatch(value) is None else json.dumps(value, ensure_ascii=False)
        elif value is None or isinstance(value, (bool, int, float)):
            text = json.dumps(value)
        else:
            continue
        if len(text) <= MAX_PLACE_RUNES:
            places[make_storable(place)] = make_storable(text)
            if len(places) >= MAX_PLACES:
                break
    return places


def _with_texts(event: Event) -> Event:
    """The event with numbers and booleans as texts: who types ``port~91*`` cannot know what the sender wrote."""
    return replace(event, data=_as_text(event.data), parent=_as_text(event.parent))


def _as_text(value: Any, depth: int = 0) -> Any:
    match value:
        case bool() | int() | float():
            return json.dumps(value)
        case dict() if depth < _DEEPEST:
            return {name: _as_text(inner, depth + 1) for name, inner in value.items()}
        case list() if depth < _DEEPEST:
            return [_as_text(inner, depth + 1) for inner in value]
        case _:
            return value


def _small_values(event: Event) -> Iterator[tuple[str, Any]]:
    for name, value in event.attributes.items():
        yield f"attributes.{name}", value
    if isinstance(event.data, dict):
        for name, value in event.data.items():
            if isinstance(value, dict):
                for inner, member in value.items():
                    yield f"${_step(name)}{_step(inner)}", member
            else:
                yield f"${_step(name)}", value


def event_of_places(places: Mapping[str, str]) -> Event:
    """An event that holds at these places what ``places_of`` found there, and nothing else."""
    data: dict[str, Any] = {}
    attributes: dict[str, str] = {}
    for place, text in places.items():
        if place.startswith("attributes."):
            attributes[place.removeprefix("attributes.")] = str(_value(text))
            continue
        *outer, last = _steps(place)
        inside = data
        for step in outer:
            inside = inside.setdefault(step, {})
        inside[last] = _value(text)
    return Event(data=data, text="", attributes=attributes, message=_NOWHERE)


@lru_cache(maxsize=4096)
def _step(name: str) -> str:
    return f".{name}" if _PLAIN_NAME.fullmatch(name) else f"[{json.dumps(name, ensure_ascii=False)}]"


def _steps(place: str) -> list[str]:
    steps: list[str] = []
    rest = place[1:]
    while rest:
        if rest.startswith("."):
            name = _PLAIN_NAME.match(rest, 1)
            if name is None:
                break
            steps.append(name[0])
            rest = rest[name.end() :]
        else:
            name_text, end = json.JSONDecoder().raw_decode(rest, 1)
            steps.append(name_text)
            rest = rest[end + 1 :]
    return steps


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
