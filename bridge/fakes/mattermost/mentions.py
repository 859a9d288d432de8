r"""Who would be notified by a post: the words the server takes for mentions.

A word is a run of letters, digits and ``: . - _ @``; everything else, a zero-width space included, ends it. So
``@\u200bchannel`` tells nobody, and neither does anything inside code.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bridge.fakes.mattermost.markdown import plain_runs

_WORD = re.compile(r"[\w:.@-]+")
_EVERYBODY = frozenset({"@channel", "@here", "@all"})


@dataclass(frozen=True, slots=True)
class Mentions:
    """What one post mentions.

    ``everybody`` holds those of @channel, @here and @all; ``users`` the names of people told. ``nobody`` are names
    written like a mention that belong to no account: they tell nobody today.
    """

    everybody: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    nobody: frozenset[str] = frozenset()

    @property
    def told(self) -> frozenset[str]:
        """Everything that notifies somebody, each with its ``@``."""
        return self.everybody | {f"@{name}" for name in self.users}


def mentions_in(texts: Iterable[str], usernames: Collection[str]) -> Mentions:
    """The mentions in Markdown texts, where ``usernames`` (lower case) are the accounts of the server."""
    known = _EVERYBODY.union(f"@{name}" for name in usernames)
    found: set[str] = set()
    unknown: set[str] = set()
    for text in texts:
        if "@" not in text and "&" not in text:
            continue
        for run in plain_runs(text):
            for word in _WORD.findall(run):
                _look_at(word, known, found, unknown)
    return Mentions(
        frozenset(found & _EVERYBODY),
        frozenset(name[1:] for name in found - _EVERYBODY),
        frozenset(name for name in unknown if name),
    )


def list_searched_texts(text: str, attachments: Iterable[Mapping[str, Any]]) -> list[str]:
    """The texts of a post that the server searches: the message, and of attachments pretext, text and field values."""
    texts = [text]
    for attachment in attachments:
        texts += [attachment.get("pretext") or "", attachment.get("text") or ""]
        texts += [value for each in attachment.get("fields") or () if isinstance(value := each.get("value"), str)]
    return texts


def _look_at(word: str, known: frozenset[str], texts: set[str], unknown: set[str]) -> None:
    if word[0] == word[-1] == ":":
        return
    word = word.lstrip(":.-_").lower()
    name = word
    while name:
        if name in known:
            texts.add(name)
            return
        if name[-1] not in ".-:_":
            break
        name = name[:-1]
    if word.startswith("@") and word not in _EVERYBODY:
        unknown.add(word[1:].rstrip(".-:"))
        return
    for piece in re.split(r"[.:-]", word):
        if piece in known:
            texts.add(piece)
        elif piece.startswith("@"):
            unknown.add(piece[1:])
