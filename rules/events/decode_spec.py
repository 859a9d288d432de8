"""How a payload is to be taken apart, as settings and rules say it: ``gzip+json``, ``avro:NAME``, ``smime+records``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from rules.source.words import suggest_of

_SIGNED: Final = re.compile(r"(?:^|\+)\s*smime(?::([^+]*))?\s*(?=\+|$)")
_WORDS: Final = (
    *("auto", "json", "text", "form", "records", "records:TEXT"),
    *("base64", "gzip", "smime", "smime:FOLDER", "avro:NAME"),
)
_RECORDS: Final = "records:"
_INSIDE: Final = frozenset({"json", "text", "form", "records"})

Wrapping: TypeAlias = Literal["base64", "gzip"]
PayloadFormat: TypeAlias = Literal["auto", "guess", "json", "text", "form", "records", "avro"]


@dataclass(frozen=True, slots=True)
class DecodeSpec:
    """A spec ready to use; ``guess`` is the form of a spec that names wrappings only."""

    text: str
    wrappings: tuple[Wrapping, ...] = ()
    form: PayloadFormat = "auto"
    schema: Any = field(default=None, compare=False, repr=False)
    is_signed: bool = False
    authorities: Any = field(default=None, compare=False, repr=False)
    separator: str = ""


AUTO: Final = DecodeSpec("auto")


def read_spec(text: str, schemas: Mapping[str, Any]) -> DecodeSpec:
    """Read a spec such as ``base64+json`` or ``avro:metric_data``.

    ``schemas`` are Avro schemas (parsed JSON) by the names that specs may use. Raises ValueError with what would help.
    """
    signed = _SIGNED.search(text)
    if signed is not None:
        return _signed_spec(text, signed, schemas)
    chain, avro, name = text.strip().partition("avro:")
    if avro and chain and not chain.endswith("+"):
        raise ValueError(f'"{text}" cannot be read; join the words with "+", such as gzip+avro:{name}')
    words = [word.strip() for word in (chain.removesuffix("+") if avro else chain).split("+")]
    words = [] if words == [""] and avro else words
    separator = ""
    if words and words[-1].startswith(_RECORDS):
        separator = words[-1].removeprefix(_RECORDS).strip()
        if not separator:
            raise ValueError(f'"{text}" names no separator; write records:TEXT, or records alone for %%')
        words[-1] = "records"
    for word in words:
        if word not in {"auto", "base64", "gzip"} | _INSIDE:
            raise ValueError(f'unknown decoding "{word}"{suggest_of(word, _WORDS, "known")}, joined by "+"')
    if words == ["auto"] and not avro:
        return AUTO
    last: PayloadFormat = "avro" if avro else words.pop() if words[-1] in _INSIDE else "guess"  # type: ignore[assignment]
    for word in words:
        if word not in {"base64", "gzip"}:
            raise ValueError(f'"{word}" in "{text}" must stand {"alone" if word == "auto" else "last"}')
    wrappings: tuple[Wrapping, ...] = tuple(words)  # type: ignore[arg-type]
    schema = _schema(name.strip(), schemas) if avro else None
    return DecodeSpec(text.strip(), wrappings, last, schema, separator=separator)


def _signed_spec(text: str, signed: re.Match[str], schemas: Mapping[str, Any]) -> DecodeSpec:
    """``[base64+|gzip+]smime[:FOLDER][+what is inside]``. Raises ValueError."""
    from rules.events.smime import read_authorities

    before, after = text[: signed.start()].strip(), text[signed.end() :].lstrip("+ ")
    if _SIGNED.search(after):
        raise ValueError(f'"smime" stands in "{text}" twice')
    outside = read_spec(before, schemas) if before else DecodeSpec(text)
    if outside.form not in ("auto", "guess") or (before and outside is AUTO):
        raise ValueError(f'only base64 and gzip stand before "smime" in "{text}"')
    inside = read_spec(after, schemas) if after else DecodeSpec(text, (), "text")
    if inside.wrappings or inside.form in ("auto", "avro"):
        raise ValueError(f'behind "smime" in "{text}" stands json, text, form or records')
    folder = (signed[1] or "").strip()
    authorities = read_authorities(folder) if folder else None
    return DecodeSpec(
        text.strip(),
        outside.wrappings,
        inside.form,
        is_signed=True,
        authorities=authorities,
        separator=inside.separator,
    )


def _schema(name: str, schemas: Mapping[str, Any]) -> Any:
    if name not in schemas:
        raise ValueError(f'no Avro schema "{name}"{suggest_of(name, sorted(schemas), "known")}')
    from rules.events.avro import parse_avro_schema  # with its library, only where a topic asks for it

    return parse_avro_schema(name, schemas[name])
