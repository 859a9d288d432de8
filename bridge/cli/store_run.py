"""``backup`` and ``restore``: the store's file, without asking the daemon."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Final

from bridge.cli.command_context import Context
from bridge.cli.output import Failed
from bridge.cli.setup import server_and_store, store_file
from bridge.settings.model import Settings
from broker.clock import SystemClock
from broker.days import moment
from broker.engines import open_reader
from broker.errors import StoreError, StoreUnavailable
from broker.records import Project, Topic

_DATED_NAME: Final = "ams-bridge-%Y%m%dT%H%M%SZ.db"
_DATED: Final = re.compile(r"ams-bridge-\d{8}T\d{6}Z\.db")


def run_backup(context: Context, place: Path, keep: int | None = None) -> None:
    """Copy the store to a new file; in a folder to one named after the time, of which the newest ``keep`` stay."""
    settings = server_and_store(context)
    store_file(settings)
    if keep is not None and not place.is_dir():
        raise Failed(f"--keep needs a folder, and {place} is none")
    file = place / moment(SystemClock().wall_us()).strftime(_DATED_NAME) if place.is_dir() else place
    try:
        asyncio.run(_copy(settings, file))
    except StoreError as error:
        raise Failed(_why(error)) from error
    size_bytes = file.stat().st_size
    removed = [] if keep is None else _remove_older(place, keep)
    value = {"file": str(file), "bytes": size_bytes, "removed": [str(old) for old in removed]}
    context.output.confirm(f"{file} written, {size_bytes:,} bytes", value)
    for old in removed:
        context.output.say(f"  {old.name} removed")
    context.output.say("Keep with it: the settings, the secrets they name, and sealing.key beside the store.")


def _remove_older(folder: Path, keep: int) -> list[Path]:
    """Remove all dated backups of a folder but the newest ``keep``; other files are not ours. Raises Failed."""
    dated = sorted(file for file in folder.iterdir() if _DATED.fullmatch(file.name))
    try:
        for file in dated[:-keep]:
            file.unlink()
    except OSError as error:
        raise Failed(f"the new backup is written, but {error.filename} cannot be removed: {error.strerror}") from error
    return dated[:-keep]


def run_restore(context: Context, file: Path) -> None:
    """Put a backup in the place of the store."""
    from broker.engines.sqlite.restore import restore as restore_store

    settings = server_and_store(context)
    target = store_file(settings)
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        restored = restore_store(file, target, SystemClock().wall_us())
        names = asyncio.run(_topic_names(settings))
    except (StoreError, OSError) as error:
        raise Failed(_why(error)) from error
    raised = [
        {"topic": names.get(uid, uid), "was": before, "continues_at": after}
        for uid, (before, after) in restored.next_offsets.items()
    ]
    value = {
        "store": str(target),
        "backed_up": moment(restored.backed_up_us).isoformat() if restored.backed_up_us else None,
        "replaced": str(restored.replaced) if restored.replaced else None,
        "topics": raised,
    }
    context.output.confirm(f"{target} restored from {file}", value)
    if restored.replaced is not None:
        context.output.say(f"  the store that stood there is kept as {restored.replaced}")
    for topic in raised:
        context.output.say(
            f"  {topic['topic']}: had {topic['was']} messages, continues at offset {topic['continues_at']}"
        )


def _why(error: StoreError | OSError) -> str:
    """The reason alone where it says all: "the store is unavailable" is not what is wrong with a file's name."""
    return error.reason if isinstance(error, StoreUnavailable) else str(error)


async def _copy(settings: Settings, file: Path) -> None:
    store = await open_reader(settings.store, SystemClock())
    try:
        await store.backup(file)
    finally:
        await store.close()


async def _topic_names(settings: Settings) -> dict[str, str]:
    store = await open_reader(settings.store, SystemClock())
    try:
        projects = {project.record.uid: project.record for project in await store.catalog.list("project")}
        topics = [topic.record for topic in await store.catalog.list("topic")]
    finally:
        await store.close()
    return {
        topic.uid: f"projects/{home.name}/topics/{topic.name}"
        for topic in topics
        if isinstance(topic, Topic) and isinstance(home := projects.get(topic.project_uid), Project)
    }
