"""Takes secrets and names of people and machines out of messages, the same word always in the same way.

What a rule file itself names stays, for a rule would not match without it. Values of keys that sound secret become
``scrubbed``; host names, IP addresses, e-mail addresses and long random words become made-up ones.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Final

SECRET_KEYS: Final = re.compile(
    r"pass(word|wd|phrase)?$|secret|token|credential|private|authori[sz]ation|api[-_]?key|cookie|session|signature",
    re.IGNORECASE,
)
_WORDS: Final = re.compile(
    r"""
      (?P<email>  [A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+ )
    | (?P<ipv4>   (?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]) )
    | (?P<ipv6>   (?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:.]) )
    | (?P<host>   (?<![\w.@$-])(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){2,8}[A-Za-z]{2,24}(?![\w-]) )
    | (?P<random> (?<![\w/+=-])(?=[A-Za-z0-9_+/=-]*\d)(?=[A-Za-z0-9_+/=-]*[A-Za-z])[A-Za-z0-9_+=-]{24,}(?![\w/+=-]) )
    """,
    re.VERBOSE,
)


class Scrubber:
    """Scrubs messages of one recording. ``kept`` is text in which names stand that must stay: the rule files."""

    def __init__(self, kept: str) -> None:
        self._kept = kept
        self._names: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def value(self, value: Any, key: str = "") -> Any:
        """A JSON value with every text in it scrubbed; ``key`` is the one it stands under."""
        if isinstance(value, Mapping):
            return {self.text(str(name)): self.value(member, str(name)) for name, member in value.items()}
        if isinstance(value, list):
            return [self.value(member, key) for member in value]
        if value and isinstance(value, (str, int, float)) and not isinstance(value, bool) and SECRET_KEYS.search(key):
            return "scrubbed"
        return self.text(value) if isinstance(value, str) else value

    def text(self, text: str) -> str:
        """A text with its telling words made up."""
        return _WORDS.sub(self._replaced, text)

    def _replaced(self, found: re.Match[str]) -> str:
        word, kind = found[0], found.lastgroup or ""
        if word in self._kept or not _is_really(kind, word):
            return word
        known = self._names.get(word.lower())
        if known is None:
            self._counts[kind] = number = self._counts.get(kind, 0) + 1
            known = self._names[word.lower()] = _made_up(kind, number)
        return known


def _is_really(kind: str, word: str) -> bool:
    """Whether a word that looks like an address is one: 10:30:00 is none, and neither is 127.0.0.1 worth hiding."""
    if kind not in ("ipv4", "ipv6"):
        return True
    try:
        return not ipaddress.ip_address(word).is_loopback and (
            kind == "ipv4" or (word.count(":") >= 2 and "::" in word) or word.count(":") == 7
        )
    except ValueError:
        return False


def _made_up(kind: str, number: int) -> str:
    match kind:
        case "email":
            return f"person{number}@example.org"
        case "ipv4":
            return f"192.0.2.{number}" if number < 255 else f"198.51.{number // 250 % 250}.{number % 250}"
        case "ipv6":
            return f"2001:db8::{number:x}"
        case "host":
            return f"host{number}.example.org"
        case _:
            return f"random-{number}"
