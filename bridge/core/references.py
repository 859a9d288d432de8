"""Secrets by reference: ``${env:NAME}``, ``${file:/path}`` and ``${credential:NAME}`` in settings.

A reference stands for a text, anywhere inside a text. What it stands for is never repeated in a problem.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rules.source.places import Document
from rules.source.problems import DocumentPath as DocumentPath
from rules.source.problems import Problem
from rules.source.words import suggest

_REFERENCE: Final = re.compile(r"\$\{([^}:]*)(?::([^}]*))?\}")
_KINDS: Final = ("env", "file", "credential")
_LARGEST_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class ReferenceSources:
    """Where references look: the environment, systemd's credentials folder, and the folder relative paths begin in."""

    environ: Mapping[str, str]
    credentials: Path | None
    folder: Path


class _NotThere(LookupError):
    """A reference that is written well, and whose text is not to be had here."""


class Resolver:
    """Replaces every reference of a document; collects what could not be found, and remembers where they stood.

    ``found`` are the paths of texts with references, ``missing`` those of them where one could not be replaced, and
    ``empty`` those where one stands for an empty text. With ``lenient`` a secret that is not to be had, or is empty, is
    no problem but one of ``absent``.
    """

    def __init__(self, document: Document, around: ReferenceSources, *, lenient: bool = False) -> None:
        self.problems: list[Problem] = []
        self.absent: dict[DocumentPath, Problem] = {}
        self._lenient = lenient
        self.found: set[DocumentPath] = set()
        self.missing: set[DocumentPath] = set()
        self.empty: dict[DocumentPath, str] = {}
        self._document = document
        self._around = around

    def resolve(self, value: Any, path: DocumentPath = ()) -> Any:
        """The value with its references replaced; one that cannot be is left as it is, with a problem."""
        if isinstance(value, dict):
            return {key: self.resolve(inner, (*path, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.resolve(inner, (*path, index)) for index, inner in enumerate(value)]
        if isinstance(value, str) and "${" in value:
            return _REFERENCE.sub(lambda match: self._one(match, path), value)
        return value

    def _one(self, match: re.Match[str], path: DocumentPath) -> str:
        self.found.add(path)
        try:
            value = self._look_up(match[1], match[2] or "")
        except LookupError as error:
            self.missing.add(path)
            problem = self._document.problem(path, f"{match[0]}: {error.args[0]}")
            if self._lenient and isinstance(error, _NotThere):
                self.absent[path] = problem
            else:
                self.problems.append(problem)
            return match[0]
        if not value.strip() and self._lenient:
            self.missing.add(path)
            self.absent[path] = self._document.problem(path, f"{match[0]} stands for an empty text")
            return match[0]
        if not value.strip():
            self.empty[path] = match[0]
        return value

    def _look_up(self, kind: str, name: str) -> str:
        if kind not in _KINDS:
            raise LookupError(
                f'"{kind}" is no kind of reference{suggest(kind, _KINDS) or ";"} write ${{env:NAME}}, ${{file:PATH}} '
                "or ${credential:NAME}"
            )
        if not name:
            raise LookupError("a name is missing after the colon")
        if kind == "env":
            if name not in self._around.environ:
                raise _NotThere(f"the environment has no variable {name}")
            return _text(self._around.environ[name], f"variable {name} of the environment")
        if kind == "file":
            return _content(self._around.folder / name)
        if self._around.credentials is None:
            raise _NotThere(
                "there is no credentials folder ($CREDENTIALS_DIRECTORY); under systemd add "
                f"LoadCredential={name}:/path to the unit"
            )
        if "/" in name:
            raise LookupError("a credential's name has no slash")
        return _content(self._around.credentials / name)


def _text(value: str, name: str) -> str:
    """The value; bytes that are no UTF-8 stand in the environment as halves of characters that nothing takes."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise _NotThere(f"{name} is not UTF-8 text") from error
    return value


def _content(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as stream:
            content = stream.read(_LARGEST_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise _NotThere(f"cannot read {path}: {reason}") from error
    if len(content) > _LARGEST_BYTES:
        raise LookupError(f"{path} is too large for a secret")
    return content.rstrip("\r\n")
