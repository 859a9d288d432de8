"""What a receiver's configuration becomes: a destination of bridge.yaml, with a name of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final, Literal

NOT_FOUND: Final = "inbox"
"""The kind that stands in where there is none of ours; what is sent there stays in the store and on its page."""
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_MAIL_NAME: Final = re.compile(r"(?:\"(?:\\.|[^\"\\])*\"|<[^>]*>|\((?:\\.|[^()\\])*\)|[^,;])+", re.DOTALL)


@dataclass(slots=True)
class Target:
    """One configuration of a receiver as a destination: its settings, and what a send to it says beside ``to``."""

    name: str
    settings: dict[str, Any]
    overrides: dict[str, Any] = field(default_factory=dict)
    tells_end: bool = True
    body: Literal["", "group", "alerts"] = ""
    """What it is sent in place of a post: the JSON of a call, or of alerts as Alertmanager takes them."""

    def __post_init__(self) -> None:
        if self.settings["type"] == "webhook" and not self.body:
            self.body = "group"


def make_unique(name: str, taken: set[str]) -> str:
    """A name made of letters, digits, ``_``, ``.`` and ``-`` that is not taken yet; it is then."""
    plain = _UNSAFE.sub("-", name).strip("-._")[:80] or "alerts"
    text, n = plain, 1
    while text in taken:
        n += 1
        text = f"{plain}-{n}"
    taken.add(text)
    return text


def mail_names(text: str) -> list[str]:
    """The addresses of a list, each as it is written: a comma inside quotes, brackets or a comment parts nothing."""
    return [match[0].strip() for match in _MAIL_NAME.finditer(text) if match[0].strip()]
