"""Finding messages and deliveries by what they say: the documents, what is asked, and the index that engines keep.

The index is derived: it is filled behind the line by whoever reads the store, and may be thrown away and made anew.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias
from unicodedata import combining, normalize

DocumentKind: TypeAlias = Literal["message", "delivery"]

_WORD: Final = re.compile(r"[^\W_]+")
_LONGEST_WORD: Final = 60
_MOST_WORDS: Final = 1_500
_QUOTED: Final = re.compile(r'"([^"]*)"?|(\S+)')
_MOST_PHRASES: Final = 16
_SLOT_BITS: Final = 20
_SLOTS: Final = 1 << (_SLOT_BITS - 1)


@dataclass(frozen=True, slots=True)
class SearchDocument:
    """A message (``place`` is its offset) or a delivery (``place`` is its ``seq``), and the text it is found by."""

    kind: DocumentKind
    topic_uid: str
    place: int
    at_us: int
    text: str
    id: str = ""
    rule: str = ""
    destination: str = ""
    key: str = ""

    @property
    def number(self) -> int:
        """Where it stands among all: by its time, and so that the same document has the same number again."""
        slot = (self.place + zlib.crc32(self.topic_uid.encode())) % _SLOTS + _SLOTS * (self.kind == "delivery")
        return number_at(self.at_us) + slot


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that stand one behind the other; with ``begins`` the last one may go on."""

    words: tuple[str, ...]
    begins: bool = False


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """Which documents to find: those with all of the phrases; None means any. Newest first; ``before`` pages on."""

    phrases: Sequence[Phrase] = ()
    kind: DocumentKind | None = None
    topic_uid: str | None = None
    rule: str | None = None
    destination: str | None = None
    key: str | None = None
    since_us: int = 0
    until_us: int | None = None
    before: int | None = None
    limit: int = 100

    @property
    def first(self) -> int:
        """The lowest number that fits."""
        return number_at(self.since_us)

    @property
    def behind(self) -> int:
        """The first number that is too high."""
        behind = 2**62 if self.until_us is None else number_at(self.until_us)
        return behind if self.before is None else min(behind, self.before)


@dataclass(frozen=True, slots=True)
class SearchMatch:
    """A document that fits, by its ``number``; what it says is read where it stands."""

    number: int
    kind: DocumentKind
    topic_uid: str
    place: int
    id: str


class SearchIndex(Protocol):
    """The words of messages and deliveries."""

    async def marks(self) -> Mapping[str, int]:
        """How far it is filled: the next offset of each topic, by uid, and the last delivery's number, by ""."""

    async def add(self, documents: Sequence[SearchDocument], marks: Mapping[str, int]) -> None:
        """Take documents in, those that are there already once, and note how far it is filled then."""

    async def search(self, query: SearchQuery) -> Sequence[SearchMatch]:
        """The documents that fit, newest first."""

    async def forget(self, kind: DocumentKind, before_us: int, limit: int) -> int:
        """Remove up to ``limit`` documents of a kind that are older, and say how many."""

    async def clear(self) -> None:
        """Remove everything: what was read is no longer what the store holds."""


def number_at(time_us: int) -> int:
    """The lowest number of a document of this time."""
    return max(0, time_us) // 1_000 << _SLOT_BITS


def words_of(text: str) -> list[str]:
    """The words of a text as they are compared: letters and digits, without case and accents; of many the first."""
    if not text.isascii():
        text = "".join(character for character in normalize("NFKD", text) if not combining(character))
    return [match[:_LONGEST_WORD].casefold() for match in _WORD.findall(text)[:_MOST_WORDS]]


def phrases_of(text: str) -> list[Phrase]:
    """What a person asks for: words in any order, the ends of which may be left out; ``"in quotes"`` exactly so."""
    phrases = []
    for quoted, word in _QUOTED.findall(text)[:_MOST_PHRASES]:
        words = tuple(words_of(quoted or word))
        if words:
            phrases.append(Phrase(words, begins=not quoted))
    return phrases


def stands_in(phrase: Phrase, words: str) -> bool:
    """Whether a phrase stands in words that are joined by blanks."""
    return f" {' '.join(phrase.words)}{'' if phrase.begins else ' '}" in f" {words} "
