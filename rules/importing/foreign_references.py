"""Places in a foreign text that somebody fills in before its program reads it, as references of ours.

``${NAME}`` is a shell's or Grafana's; ``$NAME``, ``$__env{NAME}`` and ``$__file{PATH}`` are Grafana's.
"""

from __future__ import annotations

import re
from typing import Final

from rules.importing.foreign_system import GRAFANA, ForeignSystem

_SHELL: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::?[-?][^}]*)?\}")
_GRAFANA: Final = re.compile(
    r"(?P<dollar>\$\$)|\$__env\{(?P<env>[A-Za-z_][A-Za-z0-9_]*)\}|\$__file\{(?P<file>[^}$]+)\}"
    r"|\$\{(?P<braced>[A-Za-z_][A-Za-z0-9_]*)\}|\$(?P<bare>[A-Za-z_][A-Za-z0-9_]*)(?!\{)"
)
_OURS: Final = re.compile(r"\$\{(?:env:[A-Za-z0-9_]+|file:[^}]+)\}")


def as_references(text: str, system: ForeignSystem) -> str:
    """The text with references of ours in the places that are filled in there."""
    if system is GRAFANA:
        return _GRAFANA.sub(_of_grafana, text)
    return _SHELL.sub(r"${env:\1}", text)


def secret_reference(text: str, system: ForeignSystem) -> str:
    """The reference for a secret of Grafana's that is nothing but one place to be filled in; "" for others."""
    if system is not GRAFANA or not text.strip().startswith("$"):
        return ""
    reference = as_references(text.strip(), system)
    return reference if _OURS.fullmatch(reference) else ""


def has_other_places(text: str) -> bool:
    """Whether a text, its references made, still has a place that something else fills in."""
    return "${" in _OURS.sub("", text)


def _of_grafana(match: re.Match[str]) -> str:
    if match["dollar"]:
        return "$"
    if match["file"]:
        return f"${{file:{match['file']}}}"
    return f"${{env:{match['env'] or match['braced'] or match['bare']}}}"
