"""A bundle as a file: a zip of JSON files with a manifest that names each with its sum.

Reading one trusts nothing of it: names, sizes and sums are checked, and nothing is unpacked to disk.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path
from typing import Any, Final

import msgspec

from bridge.cli.output import Failed
from bridge.operate.bundle import BUNDLE_FORMAT, Bundle
from bridge.operate.bundle_replay import BundleReplay

_MANIFEST: Final = "manifest.json"
_ANSWER: Final = "answer.json"
_PARTS: Final = {
    "rules.json": ("sources",),
    "settings.json": ("settings", "destinations"),
    "messages.json": ("messages",),
    "state.json": ("rows", "key_counts", "silences"),
    "decided.json": ("explained",),
}
"""Which fields of a bundle stand in which file; the others are in the manifest."""
_MOST_BYTES: Final = 256 * 1024 * 1024
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


class StoredBundle(msgspec.Struct, frozen=True):
    """A bundle with the answer that it gave where it was made."""

    bundle: Bundle
    answer: BundleReplay


def write_bundle(path: Path, stored: StoredBundle) -> None:
    """Write a new file that its owner alone may read. Raises Failed."""
    fields: dict[str, Any] = msgspec.to_builtins(stored.bundle, enc_hook=str)
    parts = {name: {field: fields.pop(field) for field in members} for name, members in _PARTS.items()}
    texts = {name: _encode(part) for name, part in parts.items()}
    texts[_ANSWER] = _encode(msgspec.to_builtins(stored.answer, enc_hook=str))
    manifest = {**fields, "files": {name: _sum(text) for name, text in texts.items()}}
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in {_MANIFEST: _encode(manifest), **texts}.items():
                archive.writestr(zipfile.ZipInfo(name, _EPOCH), text, zipfile.ZIP_DEFLATED)
    except FileExistsError as error:
        raise Failed(f"{path} exists; name another with --file, nothing is overwritten") from error
    except OSError as error:
        raise Failed(f"cannot write {path}: {error.strerror}") from error


def is_bundle(path: Path) -> bool:
    """Whether a file is a zip, as bundles are."""
    try:
        return path.is_file() and zipfile.is_zipfile(path)
    except OSError:
        return False


def read_bundle(path: Path) -> StoredBundle:
    """The bundle in a file. Raises Failed for anything else."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(path, archive)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise Failed(f"{path} cannot be read as a bundle: {error}") from error
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise Failed(f"{path} is no bundle, or a damaged one: {error}") from error


def _read(path: Path, archive: zipfile.ZipFile) -> StoredBundle:
    if sum(entry.file_size for entry in archive.infolist()) > _MOST_BYTES:
        raise Failed(f"{path} is larger than a bundle can be: {_MOST_BYTES >> 20} MiB unpacked")
    manifest = msgspec.json.decode(archive.read(_MANIFEST), type=dict[str, Any])
    if manifest.get("format") != BUNDLE_FORMAT:
        raise Failed(f"{path} was written in form {manifest.get('format')}, by release {manifest.get('release')}")
    sums = manifest.pop("files")
    texts = {name: archive.read(name) for name in (*_PARTS, _ANSWER)}
    for name, text in texts.items():
        if sums.get(name) != _sum(text):
            raise Failed(f"{path} was changed since it was made: {name} is not what its manifest says")
    for name in _PARTS:
        manifest |= msgspec.json.decode(texts[name], type=dict[str, Any])
    bundle = msgspec.convert(manifest, Bundle)
    return StoredBundle(bundle, msgspec.json.decode(texts[_ANSWER], type=BundleReplay))


def _encode(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1)


def _sum(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
