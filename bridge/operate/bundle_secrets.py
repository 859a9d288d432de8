"""Takes secrets out of what goes into a bundle, which is handed on to strangers.

Hidden are the secrets of bridge.yaml wherever they stand, what a name says is one (``hidden_values.py``), and what
looks like one: keys in PEM, bearer tokens, JWTs, logins in URLs (``scrub_words.py``). Too much rather than too little:
a bundle says where something was hidden.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from bridge.operate.hidden_values import HIDDEN, hide_in_text, hide_in_value, is_secret_name
from rules.events.decode import AUTO, DecodeSpec, decode, read_spec
from rules.workbench.scrub_words import URL, WORDS

_GZIP: Final = read_spec("gzip+text", {})
_YAML_VALUE: Final = re.compile(
    r"""(?P<head>(?:^[ \t]*(?:-[ \t]+)?|[{,][ \t]*)["']?(?P<name>[A-Za-z_][\w.-]{0,80})["']?[ \t]*:[ \t]+)"""
    r"""(?P<value>"(?:[^"\\\n]|\\.)*"|'(?:[^'\n]|'')*'|[^\s"'{\[&*!|>%@#,}][^\n,}#]*)""",
    re.MULTILINE,
)
_PLACES: Final = ("attributes.", "data.", "vars.", "message.", "parent.")
_PACKED: Final = msgspec.msgpack.Decoder()


class SecretRedaction:
    """Hides secrets in texts, values and rows. ``secrets`` are known ones, the longest first."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._known = re.compile("|".join(map(re.escape, secrets))) if secrets else None

    def text(self, text: str) -> str:
        """A text without what is, is called or looks like a secret."""
        return WORDS.sub(_hide_word, hide_in_text(self._hide_known(text)))

    def value(self, value: Any) -> Any:
        """A JSON value without secrets: by the names that values have, and in every text."""
        return self._walk(hide_in_value(value))

    def rule_text(self, text: str) -> str:
        """A rule file or template without literal secrets; conditions and templates that ask for one stay."""
        return WORDS.sub(_hide_shape, _YAML_VALUE.sub(_hide_literal, self._hide_known(text)))

    def payload(self, payload: str, specs: Collection[DecodeSpec]) -> str | None:
        """A message's payload without secrets, in the form in which it was published; None if that cannot be done.

        ``specs`` are all ways in which somebody may take it apart.
        """
        wanted = {}
        for spec in specs:
            decoded = decode(payload, spec)
            if decoded.undecodable is None:
                wanted[spec] = self.value(decoded.value)
        if not wanted:
            return self.text(payload)
        return next((candidate for candidate in self._candidates(payload) if _is_made(candidate, wanted)), None)

    def row(self, body: bytes) -> bytes:
        """A row of state without secrets, in the events that it remembers too; MessagePack all through."""
        return msgspec.msgpack.encode(self._hide_unpacked(_PACKED.decode(body)))

    def _hide_unpacked(self, value: Any, name: object = "") -> Any:
        match value:
            case bytes():
                return self.row(value) if value else value
            case str():
                return HIDDEN if value and is_secret_name(name) else self.text(value)
            case dict():
                return {key: self._hide_unpacked(inner, key) for key, inner in value.items()}
            case list() | tuple():
                return [self._hide_unpacked(inner) for inner in value]
            case _:
                return value

    def _candidates(self, payload: str) -> Iterator[str]:
        """The payload with secrets hidden: as it stands, as JSON, and inside base64, packed or not."""
        yield payload
        yield self.text(payload)
        if (hidden := self._hide_in_json(payload)) is not None:
            yield hidden
        for spec in (AUTO, _GZIP):
            inside = decode(payload, spec)
            if inside.undecodable is None and inside.text != payload:
                for text in (self.text(inside.text), self._hide_in_json(inside.text)):
                    if text is not None:
                        body = text.encode(errors="surrogatepass")
                        yield base64.b64encode(gzip.compress(body, mtime=0) if spec is _GZIP else body).decode()

    def _hide_in_json(self, text: str) -> str | None:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return None
        return json.dumps(self.value(value), ensure_ascii=False, separators=(",", ":"))

    def _walk(self, value: Any) -> Any:
        match value:
            case str():
                return self.text(value)
            case dict():
                return {self._hide_known(str(name)): self._walk(inner) for name, inner in value.items()}
            case list() | tuple():
                return [self._walk(inner) for inner in value]
            case _:
                return value

    def _hide_known(self, text: str) -> str:
        return self._known.sub(HIDDEN, text) if self._known is not None else text


def _is_made(candidate: str, wanted: Mapping[DecodeSpec, Any]) -> bool:
    """Whether a payload gives the value that is wanted, however it is taken apart."""
    decoded = [(decode(candidate, spec), value) for spec, value in wanted.items()]
    return all(made.undecodable is None and made.value == value for made, value in decoded)


def _hide_word(match: re.Match[str]) -> str:
    value = match["assigned_value"] if match.lastgroup == "assigned" else ""
    return match[0].replace(value, HIDDEN) if value and HIDDEN not in value else _hide_shape(match)


def _hide_shape(match: re.Match[str]) -> str:
    word = match[0]
    match match.lastgroup:
        case "pem":
            return word.replace(match["pem_body"], HIDDEN)
        case "bearer":
            return word.replace(match["bearer_value"], HIDDEN)
        case "jwt":
            return HIDDEN
        case "url" if (parts := URL.fullmatch(word)) is not None and parts["login"]:
            return word.replace(parts["login"], f"{HIDDEN}@", 1)
        case _:
            return word


def _hide_literal(match: re.Match[str]) -> str:
    """A literal value under a telling key; a template or the place of an event is asked for, and stays."""
    name, value = match["name"], match["value"]
    if not is_secret_name(name) or name.startswith(_PLACES) or "{{" in value or "{%" in value:
        return match[0]
    return f'{match["head"]}"{HIDDEN}"'
