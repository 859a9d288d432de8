"""What a plain (unquoted) word of YAML is: YAML 1.2's core schema, with one exception.

Only ``true``/``false`` (also ``True``, ``TRUE``) are booleans; ``on``, ``no``, ``1:30`` and ``2026-01-01`` stay text.
The exception: a decimal number with a leading zero stays text (``0123``); it is an identifier more often than a number.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

Scalar: TypeAlias = str | int | float | bool | None

_WORDS: Final[dict[str, Scalar]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_MAY_BE_NUMBER: Final = frozenset("+-.0123456789")
_INT: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)", re.ASCII)
_OCTAL_OR_HEX: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_LONGEST_NUMBER: Final = 400

TAGS: Final = {
    "!": "str",
    "tag:yaml.org,2002:str": "str",
    "tag:yaml.org,2002:int": "int",
    "tag:yaml.org,2002:float": "float",
    "tag:yaml.org,2002:bool": "bool",
    "tag:yaml.org,2002:null": "null",
}
"""The explicit tags a scalar may carry, and what they ask for."""


def plain_scalar(word: str) -> Scalar:
    """The value of an unquoted word. A number of more than 400 characters stays text."""
    if word in _WORDS:
        return _WORDS[word]
    if word[0] not in _MAY_BE_NUMBER or len(word) > _LONGEST_NUMBER:
        return word
    if _INT.fullmatch(word):
        return int(word)
    if _FLOAT.fullmatch(word):
        return float(word)
    if _OCTAL_OR_HEX.fullmatch(word):
        return int(word, 0)
    return word


def typed_word(word: str) -> Scalar | list[Scalar]:
    """What a word that a person typed may mean: the text itself, and the number, boolean or null it would be in YAML.

    Where only one is possible, that one; else both, as a condition takes them: whoever types ``port=9100`` cannot know
    whether the sender wrote a number or a text.
    """
    value = plain_scalar(word)
    return word if isinstance(value, str) else [word, value]


def recall_word(value: object) -> object:
    """The word that ``typed_word`` made this of; any other value as it is."""
    match value:
        case [str(word), other] if not isinstance(other, str) and typed_word(word) == [word, other]:
            return word
        case _:
            return value


def tagged_scalar(word: str, kind: str) -> Scalar:
    """The value of a word with an explicit tag such as ``!!int``; raises ValueError when it is none of that kind."""
    if kind == "str":
        return word
    value = plain_scalar(word)
    if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    kinds: dict[str, type] = {"int": int, "float": float, "bool": bool, "null": type(None)}
    if type(value) is not kinds[kind]:
        raise ValueError(f'"{word}" is not what its tag !!{kind} says')
    return value
