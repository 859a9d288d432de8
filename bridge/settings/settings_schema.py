"""The JSON Schema of bridge.yaml, for editors: made of the settings records, those of plugins' types among them.

It completes keys and underlines most of what ``check`` refuses. What it cannot see (whether a reference leads anywhere,
names that nothing has, keys that exclude each other) is left to ``ams-bridge check``.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic.json_schema import models_json_schema

from bridge.destinations.destination_kinds import KINDS as DESTINATION_KINDS
from bridge.settings.model import RemovedDestination, Settings
from bridge.sources.source_kinds import KINDS as SOURCE_KINDS
from rules.plugins import Registry

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
REFERENCE: Final[dict[str, Any]] = {"type": "string", "pattern": r"^\$\{(env|file|credential):[^}]+\}$"}
"""What may stand in place of any value: what it stands for is known at a start only."""
_DROPPED: Final = frozenset({"default", "title"})
_LEAVES: Final = frozenset({"integer", "number", "boolean"})


def settings_schema() -> dict[str, Any]:
    """The schema of the whole file, as plain JSON."""
    kinds = [kind.config for registry in (DESTINATION_KINDS, SOURCE_KINDS) for kind in registry.values()]
    wanted = [(model, "validation") for model in (Settings, RemovedDestination, *kinds)]
    named, whole = models_json_schema(wanted)  # type: ignore[arg-type]
    definitions = {name: _for_people(shape) for name, shape in whole["$defs"].items()}
    places = {model: shape["$ref"] for (model, _), shape in named.items()}
    top = definitions.pop(places[Settings].rpartition("/")[2])
    del top["properties"]["removed"]  # a part of destinations in the file
    removed = {"required": ["removed"], "then": {"$ref": places[RemovedDestination]}}
    for section, registry, also in (("destinations", DESTINATION_KINDS, removed), ("sources", SOURCE_KINDS, None)):
        refs = {word: places[kind.config] for word, kind in registry.items()}
        top["properties"][section] = _named_entries(top["properties"][section], registry, refs, also)
    return {"$schema": DRAFT, "title": "ams-bridge settings", **top, "$defs": definitions}


def _named_entries(
    section: dict[str, Any], registry: Registry[Any], refs: dict[str, str], also: dict[str, Any] | None
) -> dict[str, Any]:
    """A mapping of names, each entry by the record of its ``type``; ``also`` is another form that an entry may have."""
    by_type = [
        {"if": {"properties": {"type": {"const": word}}, "required": ["type"]}, "then": {"$ref": ref}}
        for word, ref in refs.items()
    ]
    typed = {"properties": {"type": {"enum": list(registry)}}, "required": ["type"], "allOf": by_type}
    entry = typed if also is None else {"if": {"required": also["required"]}, "then": also["then"], "else": typed}
    heading = {"description": section["description"]} if "description" in section else {}
    return {"type": ["object", "null"], "additionalProperties": {"type": "object", **entry}, **heading}


def _for_people(shape: Any) -> Any:
    """A shape as the file may have it: without defaults in our own form, a reference where a value stands."""
    if isinstance(shape, list):
        return [_for_people(member) for member in shape]
    if not isinstance(shape, dict):
        return shape
    kept = {key: value for key, value in shape.items() if key not in _DROPPED or isinstance(value, dict)}
    if "properties" in kept:
        properties = {name: _for_people(member) for name, member in kept["properties"].items()}
        return {**kept, "type": ["object", "null"], "properties": properties}
    read = {key: _for_people(value) for key, value in kept.items() if key != "default"}
    if read.get("type") in _LEAVES or "enum" in read or "const" in read:
        heading = {"description": read.pop("description")} if "description" in read else {}
        return {"anyOf": [read, REFERENCE], **heading}
    return read
