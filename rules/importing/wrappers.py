"""Finds an Alertmanager configuration in what people wrap it in, with the places of the file it stands in.

It may be the file itself, a document among several, a Secret (base64, gzip too) or ConfigMap of Kubernetes, an
AlertmanagerConfig of the Prometheus operator, or values of a Helm chart, at whatever depth.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from typing import Any, Final

from rules.importing.operator_resource import KINDS, as_configuration
from rules.source.foreign_yaml import read_foreign_yaml
from rules.source.places import Document, Places
from rules.source.problems import DocumentPath, Problem
from rules.source.yaml_builder import Spot

MAX_UNPACKED_BYTES: Final = 8 * 1024 * 1024
"""What a packed configuration may unpack to."""
_MOST_VALUES: Final = 200_000
_BASE64: Final = re.compile(r"[A-Za-z0-9+/\s]+=*\s*")
_TEMPLATE: Final = re.compile(r"^\s*(?:\{\{-?|\{%|\{#|<%)|:\s+\{\{|<%=?", re.MULTILINE)


def find_configurations(text: str, file: str) -> list[Document]:
    """The configurations in a text, in their order; never empty.

    Where there is none, it is the file's first document.
    """
    documents = read_foreign_yaml(text, file)
    if documents[0].problems and _TEMPLATE.search(text):
        first = documents[0].problems[0]
        hint = "this file is a template of another program (Helm, Ansible, Go); render it, then convert what it gives"
        return [Document(file, None, documents[0].places, (Problem(first.place, "", f"{hint} ({first.text})"),))]
    configurations = [configuration for document in documents for configuration in _inside(document, text)]
    return configurations or [next((document for document in documents if document.value is not None), documents[0])]


def is_configuration(value: Any) -> bool:
    """Whether a value looks like a configuration of Alertmanager."""
    return isinstance(value, dict) and isinstance(value.get("route"), dict) and "receivers" in value


def _inside(document: Document, text: str) -> Iterator[Document]:
    """The configurations inside a document, outer ones first; what stands in one is not looked at."""
    waiting: list[tuple[DocumentPath, Any]] = [((), document.value)]
    for _ in range(_MOST_VALUES):
        if not waiting:
            return
        path, value = waiting.pop()
        if isinstance(value, dict) and _is_one_of(value.get("kind"), KINDS) and isinstance(value.get("spec"), dict):
            yield as_configuration(_part(document, path, value))
        elif is_configuration(value):
            yield _part(document, path, value)
        elif isinstance(value, str):
            yield from _in_text(document, path, value, text)
        elif isinstance(value, dict | list):
            members = list(value.items() if isinstance(value, dict) else enumerate(value))
            waiting.extend(((*path, step), member) for step, member in reversed(members))


def _is_one_of(value: Any, kinds: frozenset[str]) -> bool:
    return isinstance(value, str) and value in kinds


def _part(document: Document, path: DocumentPath, value: Any) -> Document:
    return Document(document.file, value, Places(document.file, document.places.find_nearest(path)), document.problems)


def _in_text(document: Document, path: DocumentPath, value: str, text: str) -> Iterator[Document]:
    """A configuration that stands as a text in the document, as it is or packed."""
    plain = value if "route" in value else _unpack(value)
    if plain is None or "route" not in plain or "receivers" not in plain:
        return
    for inner in texts_inside(document, path, plain, text, as_written=plain is value):
        if is_configuration(inner.value):
            yield inner


def texts_inside(
    document: Document, path: DocumentPath, plain: str, text: str, *, as_written: bool = True
) -> tuple[Document, ...]:
    """The documents in a text that stands at a path; places are those of the file where it is a block in it."""
    spot = document.places.find_nearest(path)
    if as_written and spot.block:
        return read_foreign_yaml(_in_its_place(plain, spot, text), document.file)
    return read_foreign_yaml(plain, f"{path[-1]} in {document.file}" if path else document.file)


def _in_its_place(value: str, spot: Spot, text: str) -> str:
    """A block text with as many lines and blanks before it as in its file, so that places are those of the file."""
    lines = text.split("\n")[spot.line :]
    first = next((line for line in lines if line.strip()), "")
    blanks = " " * (len(first) - len(first.lstrip(" ")))
    return "\n" * spot.line + "\n".join(f"{blanks}{line}" if line else line for line in value.split("\n"))


def _unpack(value: str) -> str | None:
    """What base64 (and gzip in it) stands for; None when it is neither."""
    if len(value) < 16 or _BASE64.fullmatch(value) is None:
        return None
    try:
        content = base64.b64decode("".join(value.split()), validate=True)
        if content.startswith(b"\x1f\x8b"):
            with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
                content = packed.read(MAX_UNPACKED_BYTES)
        return content.decode("utf-8-sig")
    except (binascii.Error, UnicodeDecodeError, OSError, EOFError, zlib.error):
        return None
