"""``export``: what the daemon holds as settings, so that another daemon provisions the same."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from bridge.cli.command_context import Context
from bridge.cli.connection import connect_client
from bridge.cli.exported import Exported, export_settings
from bridge.cli.output import Failed, format_count
from bridge.operate.manifest import Manifest

_OWNER_ONLY = 0o600


def run_export(context: Context, projects: tuple[str, ...], out: Path | None, secrets: bool) -> None:
    """Write what the daemon holds as sections of settings."""
    if secrets and out is None:
        raise click.UsageError("--secrets needs --out DIR: tokens are not printed")
    with connect_client(context) as client:
        manifest = client.get("/api/manifest", secrets="true" if secrets else None)
    exported = export_settings(msgspec.convert(manifest, Manifest), projects)
    unknown = [name for name in projects if name not in exported.projects]
    if unknown:
        raise Failed(f"there is no project {unknown[0]}")
    written = [] if out is None else _write(out, exported, with_secrets=secrets)
    if context.output.as_json:
        value = {"settings": exported.settings, "not_exported": exported.left_out, "written": list(map(str, written))}
        context.output.print_value(value)
        return
    if out is None:
        context.output.print_document(exported.settings)
    for path in written:
        context.output.confirm(f"{path} written")
    for line in exported.left_out:
        context.output.warn(f"not exported: {line}")
    if out is None and exported.schemas:
        context.output.warn(
            f"{format_count(len(exported.schemas), 'schema')} would be files of their own: use --out DIR"
        )


def _write(folder: Path, exported: Exported, *, with_secrets: bool) -> list[Path]:
    wanted = {folder / "bridge-projects.yaml": exported.settings.encode()}
    wanted |= {folder / "schemas" / name: definition for name, definition in exported.schemas.items()}
    if with_secrets:
        wanted[folder / "secrets.env"] = "".join(f"{k}={v}\n" for k, v in exported.secrets.items()).encode()
    existing = [str(path) for path in wanted if path.exists()]
    if existing:
        raise Failed(f"these exist already: {', '.join(existing)}. Nothing was written; choose another folder.")
    try:
        for path, content in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(_OWNER_ONLY if path.name == "secrets.env" else 0o666)
            path.write_bytes(content)
    except OSError as error:
        raise Failed(f"cannot write {error.filename}: {error.strerror}") from error
    return list(wanted)
