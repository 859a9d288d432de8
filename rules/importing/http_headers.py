"""``http_config`` of a receiver as headers: basic_auth, authorization, bearer tokens and headers of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from rules.importing.receiver_entry import Entry
from rules.source.problems import DocumentPath

_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def read_headers(entry: Entry) -> dict[str, str]:
    """The headers; what is secret in them is a reference. Keys that were understood are noted as used."""
    path = http_config_of(entry)
    headers: dict[str, str] = {}
    for key in entry.config.keys(path):
        inner = (*path, key)
        if not entry.config.at(inner):
            continue
        if key == "authorization":
            headers["Authorization"] = _authorization(entry, inner)
        elif key == "basic_auth":
            headers["Authorization"] = basic_header(entry, inner)
        elif key in ("bearer_token", "bearer_token_file"):
            token = Entry(entry.config, path, entry.name).secret("bearer_token", "token")
            headers["Authorization"] = f"Bearer {token}"
        elif key == "http_headers":
            headers |= {name: _header(entry, (*inner, name), name) for name in _names(entry, inner)}
        else:
            continue
        entry.used.add(f"http_config.{key}")
    return {name: value for name, value in headers.items() if value}


def _names(entry: Entry, path: DocumentPath) -> Iterator[str]:
    """The names that headers can have; others are named."""
    for name in entry.config.keys(path):
        if _NAME.fullmatch(name):
            yield name
        else:
            entry.config.remark((*path, name), f'"{name}" is no name of a header; it was left out')


def http_config_of(entry: Entry) -> DocumentPath:
    """Where the ``http_config`` of an entry stands: at the entry, else under ``global``."""
    own = (*entry.path, "http_config")
    return own if entry.config.at(own) is not None else ("global", "http_config")


def _authorization(entry: Entry, path: DocumentPath) -> str:
    inner = Entry(entry.config, path, entry.name)
    kind = inner.text("type") or "Bearer"
    secret = inner.secret("credentials", "token")
    return f"{kind} {secret}" if secret else ""


def basic_header(entry: Entry, path: DocumentPath) -> str:
    """The header for a name and a password; ``path`` is where the remark stands.

    It wants both together in base64, which no reference to either can be.
    """
    credential = f"{entry.name}-basic"
    entry.config.remark(
        path,
        f"put the base64 of USERNAME:PASSWORD into the credential {credential} "
        f"(printf %s 'USERNAME:PASSWORD' | base64 -w0); it was not copied",
    )
    return f"Basic ${{credential:{credential}}}"


def _header(entry: Entry, path: DocumentPath, name: str) -> str:
    values = [entry.convert_references(text, path) for text in entry.config.texts((*path, "values"))]
    values += [f"${{file:{file}}}" for file in entry.config.texts((*path, "files"))]
    if entry.config.at((*path, "secrets")):
        credential = f"{entry.name}-{name}"
        entry.config.remark(path, f"put this header into the credential {credential}; it was not copied")
        values.append(f"${{credential:{credential}}}")
    return ", ".join(values)
