"""``settings``: every key of bridge.yaml with its meaning, default and unit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bridge.cli.command_context import Context
from bridge.cli.output import Failed
from bridge.cli.visible import VisibleText
from bridge.core.secret import Secret
from bridge.destinations.destination_kinds import KINDS as DESTINATION_KINDS
from bridge.settings.model import GIB, KIB, MIB, Settings
from bridge.settings.settings_schema import settings_schema
from bridge.sources.source_kinds import KINDS as SOURCE_KINDS
from rules.source.words import Rate, duration_text, suggest

SettingRow: TypeAlias = dict[str, str]


def run_settings(context: Context, prefix: str, *, schema: bool) -> None:
    """Print the keys of bridge.yaml."""
    if schema:
        context.output.print_value(settings_schema())
        return
    entries = [row for row in rows() if row["key"].startswith(prefix)]
    output = context.output
    if output.as_json:
        output.print_value(entries)
    elif not entries:
        raise Failed(f"no key begins with {prefix!r}{suggest(prefix, [row['key'] for row in rows()])}")
    elif not output.quiet:
        for row in entries:
            output.console.print(_draw(row), soft_wrap=True)


def rows() -> list[SettingRow]:
    """One row per key, in the order of the file; NAME stands for a name of your own.

    ``kinds`` names the types of source or destination that know the key, "" when all do.
    """
    return list(_of_model(Settings, ""))


def _draw(row: SettingRow) -> VisibleText:
    text = VisibleText(row["key"], style="bold")
    text.append(f"  {row['takes']}", style="cyan")
    if row["default"]:
        text.append(f"  default {row['default']}", style="green")
    elif row["needed"]:
        text.append("  needed", style="yellow")
    if row["kinds"]:
        text.append(f"  ({row['kinds']})", style="magenta")
    if row["meaning"]:
        text.append(f"\n    {row['meaning']}", style="default")
    return text


def _of_model(model: type[BaseModel], prefix: str) -> Iterator[SettingRow]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        if key in ("sources", "destinations"):
            yield _row(key, "a mapping of names", field)
            kinds: Any = SOURCE_KINDS if key == "sources" else DESTINATION_KINDS
            yield from _of_kinds({kind: entry.config for kind, entry in kinds.items()}, f"{key}.NAME.")
        elif key == "removed":
            meaning = "For a destination that is going: what becomes of what waits, dead or {move_to: NAME}"
            yield _row("destinations.NAME.removed", "dead or a mapping", field) | {"meaning": meaning}
        else:
            yield from _of_field(key, field)


def _of_kinds(configs: Mapping[str, type[BaseModel]], prefix: str) -> Iterator[SettingRow]:
    """The keys of all kinds, each told once with the kinds that know it so."""
    yield {
        "key": f"{prefix}type", "takes": " or ".join(configs), "default": "", "needed": "yes", "kinds": "",
        "meaning": "What it is; the other keys depend on it",
    }  # fmt: skip
    known: dict[tuple[str, ...], list[str]] = {}
    by_path: dict[tuple[str, ...], SettingRow] = {}
    for kind, config in configs.items():
        for name, field in config.model_fields.items():
            for row in _of_field(f"{prefix}{field.alias or name}", field) if name != "type" else ():
                known.setdefault(tuple(row.values()), []).append(kind)
                by_path.setdefault(tuple(row.values()), row)
    for same, kinds in known.items():
        yield by_path[same] | {"kinds": "" if len(kinds) == len(configs) else ", ".join(kinds)}


def _of_field(key: str, field: FieldInfo) -> Iterator[SettingRow]:
    yield _row(key, _takes(field.annotation, field), field)
    below = _model_in(field.annotation)
    if below is not None:
        named = get_origin(field.annotation) is dict
        yield from _of_model(below, f"{key}.NAME." if named else f"{key}.")


def _row(key: str, takes: str, field: FieldInfo) -> SettingRow:
    below = _model_in(field.annotation)
    first_line = (below.__doc__ or "").strip().partition("\n")[0].rstrip(".") if below is not None else ""
    return {
        "key": key,
        "takes": takes,
        "default": _default(field),
        "needed": "yes" if field.is_required() else "",
        "meaning": field.description or first_line,
        "kinds": "",
    }


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for argument in get_args(annotation) if (model := _model_in(argument)) is not None), None)


def _takes(annotation: Any, field: FieldInfo) -> str:
    unit = next((hint for note in field.metadata if (hint := _unit(note))), "")
    if unit:
        return unit
    if get_origin(annotation) is Literal:
        return " or ".join(str(argument) for argument in get_args(annotation))
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join(
            dict.fromkeys(_takes(argument, field) for argument in get_args(annotation) if argument is not NoneType)
        )
    if hasattr(annotation, "__metadata__"):
        inner = next((hint for note in annotation.__metadata__ if (hint := _unit(note))), "")
        return inner or _takes(get_args(annotation)[0], field)
    if get_origin(annotation) is dict:
        return "a mapping of names"
    if get_origin(annotation) is tuple:
        return "a list"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "a mapping"
    words = {str: "text", int: "number", float: "number", bool: "true or false", Path: "path", Secret: "secret"}
    return words.get(annotation, "anything")


def _unit(metadata: Any) -> str:
    """The kind of value that a quantity's JSON schema gives away by its examples."""
    schema = getattr(metadata, "json_schema", None)
    first = schema["examples"][0] if schema and schema.get("examples") else ""
    return {"300ms": "duration", "64KiB": "size", "1/s": "rate"}.get(first, "")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    value = field.get_default(call_default_factory=True)
    takes = _takes(field.annotation, field)
    if isinstance(value, BaseModel) or value in (None, {}, (), ""):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if "duration" in takes and isinstance(value, float):
        return duration_text(value)
    if "size" in takes and isinstance(value, int):
        return _size_text(value)
    if isinstance(value, Rate):
        return f"{value.count}/{duration_text(value.per_s)}"
    return str(value)


def _size_text(size_bytes: int) -> str:
    for unit, scale in (("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        if size_bytes % scale == 0:
            return f"{size_bytes // scale}{unit}"
    return f"{size_bytes}B"
