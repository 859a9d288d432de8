"""Takes secrets and names of machines and people out of messages, the same word always in the same way.

What a rule file itself names stays, for a rule would not match without it; so do the domains and networks it names, in
which made-up names are then made up. Texts that are JSON or base64 of something are scrubbed inside. ``scrub_words.py``
says what is recognised.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from rules.events.decode import AUTO, decode, read_spec
from rules.workbench.scrub_names import MadeUp
from rules.workbench.scrub_words import HOST_KEYS, NO_NAMES, PERSON_KEYS, SECRET_KEYS, URL, WORDS, is_random, is_really

SCRUBBED: Final = "scrubbed"
MAX_NESTED: Final = 8
_GZIP: Final = read_spec("gzip+text", {})
_LEAST_BASE64: Final = 16
_LEAST_WORD: Final = 4
_LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]+")
_PORT: Final = re.compile(r"(?P<host>[^\s/:@]+|\[[0-9A-Fa-f:.]+\])(?P<port>:\d{1,5})?")


class Scrubber:
    """Scrubs messages of one recording. ``kept`` is text in which names stand that must stay: the rule files."""

    def __init__(self, kept: str) -> None:
        self._made_up = MadeUp(kept)
        self._urls = 0  # how many URLs within one another are being scrubbed

    def value(self, value: Any, key: str = "") -> Any:
        """A JSON value with every text in it scrubbed; ``key`` is the one it stands under."""
        self._learn(value, key)
        return self._value(value, key, secret=False, depth=0)

    def text(self, text: str) -> str:
        """A text with its telling words made up."""
        self._learn(text, "")
        return self._text(text, 0)

    def _value(self, value: Any, key: str, *, secret: bool, depth: int) -> Any:
        secret = secret or SECRET_KEYS.search(key) is not None
        if isinstance(value, Mapping):
            inner = key.rpartition(".")[2]
            return {
                self._scrub_known(self._words(str(name))): self._value(
                    member, f"{inner}.{name}" if inner else str(name), secret=secret, depth=depth
                )
                for name, member in value.items()
            }
        if isinstance(value, list):
            return [self._value(member, key, secret=secret, depth=depth) for member in value]
        if isinstance(value, bool) or value is None or value == "":
            return value
        if secret and isinstance(value, (str, int, float)):
            if self._is_no_secret(value):
                return value
            self._made_up.replace_everywhere(str(value), SCRUBBED)
            return SCRUBBED
        return self._scrub_named(value, key, depth) if isinstance(value, str) else value

    def _is_no_secret(self, value: object) -> bool:
        """Whether a value under a secret key is a word of the rules: a state, not a secret."""
        return isinstance(value, str) and len(value) >= _LEAST_WORD and self._made_up.stays(value)

    def _scrub_named(self, text: str, key: str, depth: int) -> str:
        """A text under a key that may say what it is: the name of a machine or a person."""
        if HOST_KEYS.search(key):
            match = _PORT.fullmatch(text)
            if match is not None:
                return self._host(match["host"]) + (match["port"] or "")
        elif PERSON_KEYS.fullmatch(key) and "@" not in text and "://" not in text:
            return self._made_up.name("person", text)
        return self._text(text, depth)

    def _host(self, word: str) -> str:
        bare = word.strip("[]")
        kind = next((kind for kind in ("ipv4", "ipv6") if is_really(kind, bare)), "host" if "." in bare else "short")
        if bare.lower() in NO_NAMES or not is_really(kind, bare):
            return word
        return word.replace(bare, self._made_up.name(kind, bare))

    def _text(self, text: str, depth: int) -> str:
        nested = self._nest(text, depth) if depth < MAX_NESTED else None
        if nested is not None:
            return nested
        return self._scrub_known(self._words(text))

    def _scrub_known(self, text: str) -> str:
        """A text with what was made up elsewhere made up here."""
        return self._made_up.replace_all(_LABEL.sub(lambda match: self._made_up.replace_short(match[0]), text))

    def _nest(self, text: str, depth: int) -> str | None:
        """A text that is JSON, or base64 of a text, scrubbed inside; None where there is nothing to scrub."""
        if text[:1] in ("{", "["):
            try:
                value = json.loads(text)
            except (ValueError, RecursionError):
                return None
            scrubbed = self._value(value, "", secret=False, depth=depth + 1)
            blanks = (", ", ": ") if '": ' in text or '", ' in text else (",", ":")
            return text if scrubbed == value else json.dumps(scrubbed, ensure_ascii=False, separators=blanks)
        if len(text) < _LEAST_BASE64 or " " in text:
            return None
        for spec in (AUTO, _GZIP):
            inside = decode(text, spec)
            if inside.undecodable is None and inside.text != text:
                scrubbed_text = self._text(inside.text, depth + 1)
                return None if scrubbed_text == inside.text else _pack(scrubbed_text, gzipped=spec is _GZIP)
        return None

    def _words(self, text: str) -> str:
        return WORDS.sub(self._replace, text)

    def _replace(self, match: re.Match[str]) -> str:
        kind, word = match.lastgroup or "", match[0]
        match kind:
            case "url":
                return self._url(word)
            case "pem" | "bearer" | "assigned":
                secret = match["pem_body"] or match["bearer_value"] or match["assigned_value"]
                if self._is_no_secret(secret):
                    return word
                self._made_up.replace_everywhere(secret, SCRUBBED)
                return word.replace(secret, SCRUBBED)
            case "random" if not is_random(word):
                return word
            case _:
                return self._made_up.name(kind, word) if is_really(kind, word) else word

    def _url(self, url: str) -> str:
        """A URL: whoever logs in and the host are made up, whatever they look like; the rest is a text of its own."""
        parts = URL.fullmatch(url)
        if parts is None or self._made_up.stays(url):
            return url
        login = f"{SCRUBBED}@" if parts["login"] else ""
        head = f"{parts['scheme']}{login}{self._host(parts['host'])}{parts['port'] or ''}"
        if self._urls >= MAX_NESTED:
            return head
        self._urls += 1
        try:
            return f"{head}{self._words(parts['rest'])}"
        finally:
            self._urls -= 1

    def _learn(self, value: Any, key: str) -> None:
        """Note the short names of machines that a message names in full or under a telling key: they recur in texts."""
        for name, text in _texts(value, key):
            if HOST_KEYS.search(name) and (match := _PORT.fullmatch(text)) is not None:
                self._host(match["host"])
            elif PERSON_KEYS.fullmatch(name) and text and "@" not in text and "://" not in text:
                self._made_up.name("person", text)
            elif SECRET_KEYS.search(name) and text and not self._is_no_secret(text):
                self._made_up.replace_everywhere(text, SCRUBBED)
            elif "." in text or "=" in text or ":" in text:
                self._words(text)


def _texts(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        inner = key.rpartition(".")[2]
        for name, member in value.items():
            yield from _texts(member, f"{inner}.{name}" if inner else str(name))
    elif isinstance(value, list):
        for member in value:
            yield from _texts(member, key)
    elif isinstance(value, str):
        yield key, value
        if value[:1] in ("{", "[") and (inner := _json_of(value)) is not None:
            yield from _texts(inner, key)


def _json_of(text: str) -> Any:
    """What a text that is JSON says; None for others."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _pack(text: str, *, gzipped: bool) -> str:
    body = text.encode(errors="surrogatepass")
    return base64.b64encode(gzip.compress(body, mtime=0) if gzipped else body).decode()
