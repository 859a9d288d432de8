"""``rules schema``: the JSON Schema of rule files, for editors."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from bridge.cli.command_context import Context
from bridge.cli.loading import facts_of
from bridge.cli.output import Failed
from bridge.cli.setup import settings_without_secrets
from bridge.routing.rule_files import world_of
from bridge.settings.model import Settings
from rules.language.schema import rules_schema

SCHEMA_FILE = "rules.schema.json"


def run_schema(context: Context, file: Path | None, *, generic: bool) -> None:
    """Write the JSON Schema of rule files."""
    settings = None if generic else settings_without_secrets(context).settings
    schema = rules_schema() if settings is None else _with_names(context, settings)
    if context.output.as_json and (file is None or str(file) == "-"):
        context.output.print_value(schema)
        return
    if str(file) == "-":
        context.output.print_document(json_text(schema))
        return
    target = file or _beside_the_rules(settings)
    write_schema(target, schema)
    context.output.confirm(f"{target} written", {"file": str(target)})


def json_text(schema: dict[str, Any]) -> str:
    """JSON that people can read."""
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"


def write_schema(target: Path, schema: dict[str, Any]) -> None:
    """Write a schema as JSON that people can read. Raises Failed."""
    try:
        target.write_text(json_text(schema), "utf-8")
    except OSError as error:
        raise Failed(f"cannot write {target}: {error.strerror}") from error


def _with_names(context: Context, settings: Settings) -> dict[str, Any]:
    facts = asyncio.run(facts_of(settings))
    return rules_schema(world_of(settings, context.config_path(), facts, None))


def _beside_the_rules(settings: Settings | None) -> Path:
    if settings is None:
        return Path(SCHEMA_FILE)
    first = settings.rules[0] if isinstance(settings.rules, tuple) else settings.rules
    return (first if first.is_dir() else first.parent) / SCHEMA_FILE
