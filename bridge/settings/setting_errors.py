"""What a settings record found wrong, in words for people: one problem per place, nothing told twice, no secret shown.

A value that came of a reference is never shown. The texts about it are those that the record gives for the reference
itself, as it stands in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, get_args

from pydantic import BaseModel, ValidationError

from bridge.core.secret import Secret
from rules.source.words import suggest

Location: TypeAlias = tuple[str | int, ...]
"""Where something sits below the value that was validated: keys and list indexes of the file."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong; ``at_key`` when the key is meant rather than its value."""

    location: Location
    text: str
    at_key: bool = False


def faults_of(error: ValidationError, model: type[BaseModel], value: Any) -> list[Fault]:
    """Everything that ``model`` found wrong with ``value``; of a union's branches the one that looked deepest."""
    located = [(_location(detail, value), detail) for detail in error.errors(include_url=False, include_input=False)]
    causes: dict[tuple[Location, bool], list[str]] = {}
    for location, detail in located:
        if not any(len(other) > len(location) and other[: len(location)] == location for other, _ in located):
            fault = _fault(detail, model, location)
            texts = causes.setdefault((fault.location, fault.at_key), [])
            if fault.text not in texts:
                texts.append(fault.text)
    return [Fault(location, "; or ".join(texts), at_key) for (location, at_key), texts in causes.items()]


def is_secret(model: type[BaseModel], location: Location) -> bool:
    """Whether what stands at ``location`` of a record is a secret."""
    here: Any = model
    for step in location:
        here = _inside(here, step)
    return (
        here is Secret or Secret in get_args(here) or any(Secret in get_args(argument) for argument in get_args(here))
    )


def _fault(error: Any, model: type[BaseModel], location: Location) -> Fault:
    kind = error["type"]
    if kind == "extra_forbidden":
        known = keys_at(model, location[:-1])
        hint = suggest(str(location[-1]), known)
        return Fault(location, f'unknown key "{location[-1]}"{hint or ";"} keys: {", ".join(known)}', at_key=True)
    if kind == "missing":
        return Fault(location[:-1], f'"{location[-1]}" is missing', at_key=True)
    return Fault(location, _text(kind, error["msg"], error.get("ctx", {})))


def _text(kind: str, message: str, context: Mapping[str, Any]) -> str:
    if kind in _BOUNDS:
        word, key = _BOUNDS[kind]
        return f"must be {word} {_plain(context[key])}"
    text = _WORDS.get(kind) or message.removeprefix("Value error, ").replace("Input should be", "must be")
    return text if text.startswith('"') else text[:1].lower() + text[1:]


_BOUNDS: Final = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}
_WORDS: Final = {
    "string_type": "a text is wanted",
    "int_type": "a whole number is wanted",
    "int_parsing": "a whole number is wanted",
    "int_from_float": "a whole number is wanted",
    "bool_type": "true or false is wanted",
    "bool_parsing": "true or false is wanted",
    "dict_type": "a mapping is wanted",
    "model_type": "a mapping is wanted",
    "tuple_type": "a list is wanted",
    "path_type": "a path is wanted",
}


def _plain(number: float) -> str:
    """A bound as people write it: never with an exponent."""
    return f"{number:.0f}" if number == int(number) else f"{number:g}"


def _location(error: Any, value: Any) -> Location:
    """The keys and indexes of pydantic's location: its steps into a union's branches stand in no file."""
    steps = error["loc"]
    location: list[str | int] = []
    here = value
    for number, step in enumerate(steps):
        if _holds(here, step):
            here = here[step]
        elif not (error["type"] == "missing" and number == len(steps) - 1):
            continue
        location.append(step)
    return tuple(location)


def _holds(value: Any, step: str | int) -> bool:
    if isinstance(value, dict):
        return step in value
    return isinstance(value, list) and isinstance(step, int) and step < len(value)


def keys_at(model: type[BaseModel], location: Iterable[str | int]) -> list[str]:
    """The keys that a record knows at a location, as people write them."""
    here: Any = model
    for step in location:
        here = _inside(here, step)
    record = next(_records(here), None)
    if record is None:
        return []
    return [field.alias or name for name, field in record.model_fields.items() if not field.exclude]


def _inside(annotation: Any, step: str | int) -> Any:
    for record in _records(annotation):
        for name, field in record.model_fields.items():
            if step in (name, field.alias):
                return field.annotation
    arguments = [argument for argument in get_args(annotation) if argument not in (Ellipsis, type(None))]
    return arguments[-1] if arguments else None


def _records(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    else:
        for argument in get_args(annotation):
            yield from _records(argument)
