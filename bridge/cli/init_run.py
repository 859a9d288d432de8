"""``init``: a commented starter configuration that passes ``check`` as it stands."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final

from bridge.cli.command_context import Context
from bridge.cli.output import Failed
from bridge.cli.rules_schema_run import SCHEMA_FILE, write_schema
from rules.language.schema import rules_schema

STARTER: Final = Path(__file__).parent.parent.parent / "templates" / "starter"
_TOKENS: Final = ("service-token", "prometheus-token")


def run_init(context: Context, folder: Path) -> None:
    """Write a starter configuration."""
    wanted = {folder / path.relative_to(STARTER): path for path in sorted(STARTER.rglob("*")) if path.is_file()}
    tokens = [folder / name for name in _TOKENS]
    schema = folder / "rules.d" / SCHEMA_FILE
    existing = [str(path) for path in [*wanted, *tokens, schema] if path.exists()]
    if existing:
        raise Failed(f"these exist already: {', '.join(existing)}. Nothing was written; choose an empty folder.")
    try:
        for target, source in wanted.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
        for path in tokens:
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(32) + "\n")
        write_schema(schema, rules_schema())
    except OSError as error:
        raise Failed(f"cannot write {error.filename}: {error.strerror}") from error
    written = [str(path) for path in [*wanted, *tokens, schema]]
    context.output.confirm(f"{len(written)} files written to {folder}", {"files": written})
    place = f"-c {folder / 'bridge.yaml'} " if folder != Path() else ""
    for name in written:
        context.output.say(f"  {name}")
    context.output.say(f"Next: ams-bridge {place}check, then ams-bridge {place}run; pages at https://localhost:8443,")
    context.output.say(f"where the token in {folder / _TOKENS[0]} lets you in.")
