"""Certificate subjects as GOCDB writes them, ``/C=GR/O=Test/CN=host``, in the form in which they are bound.

The form is argo-api-authn's: a fixed order of names whatever the certificate's, equal names joined by ``+``.
"""

from __future__ import annotations

import re
from typing import Final

_PART: Final = re.compile(r"/(?=[A-Za-z][A-Za-z0-9.]*=)")
_ORDER: Final = ("E", "SERIALNUMBER", "CN", "OU", "O", "POSTALCODE", "STREET", "L", "ST", "C", "DC")
_SPELLINGS: Final = {"EMAILADDRESS": "E", "EMAIL": "E", "S": "ST", "SERIALNUMBER": "SERIALNUMBER"}
_UNESCAPED: Final = frozenset({"E", "DC"})
_SPECIAL: Final = re.compile(r'([,+"\\<>;])')


def subject_of_slash_form(slashed: str) -> str:
    """The subject in the fixed form, the slash form itself where a name has no place in that, or "" for none at all."""
    text = slashed.strip()
    if not text.startswith("/") or not _PART.match(text):
        return ""
    values: dict[str, list[str]] = {}
    for part in _PART.split(text)[1:]:
        name, _, value = part.partition("=")
        word = _SPELLINGS.get(name.upper(), name.upper())
        if not value:
            return ""
        values.setdefault(word, []).append(value)
    if not set(values) <= set(_ORDER):
        return text
    return ",".join(
        "+".join(f"{word}={value if word in _UNESCAPED else _escape(value)}" for value in values[word])
        for word in _ORDER
        if word in values
    )


def _escape(value: str) -> str:
    """As Go writes names: specials with a backslash, and blanks and ``#`` where they would be lost."""
    escaped = _SPECIAL.sub(r"\\\1", value)
    if escaped[:1] in (" ", "#"):
        escaped = "\\" + escaped
    if len(value) > 1 and escaped.endswith(" "):
        escaped = escaped[:-1] + "\\ "
    return escaped
