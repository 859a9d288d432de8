"""HTML forms as values: what a body of ``name=value&name=value`` says.

Senders that were made for chat services put JSON into one field, ``payload`` (Slack, Mattermost) or ``payload_json``
(Discord): that JSON is then the value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

MAX_FIELDS: Final = 10_000
_PAYLOADS: Final = ("payload", "payload_json")


def read_form(text: str) -> Any:
    """The value of a form. Raises ValueError for a text that is none."""
    return value_of_fields(read_fields(text))


def read_fields(text: str) -> list[tuple[str, str]]:
    """Names and values of a form, in order. Raises ValueError for a text that is none."""
    fields = parse_qsl(text.strip(), keep_blank_values=True, max_num_fields=MAX_FIELDS) if "=" in text else []
    if not fields:
        raise ValueError("there is no name=value in it")
    return fields


def value_of_fields(fields: Iterable[tuple[str, Any]]) -> Any:
    """Fields as one value: the JSON they carry, else an object, in which a name that comes again has a list."""
    by_name: dict[str, list[Any]] = {}
    for name, value in fields:
        by_name.setdefault(name, []).append(_json_or_text(value))
    carried = _carry(by_name)
    if carried is not None:
        return carried
    return {name: values[0] if len(values) == 1 else values for name, values in by_name.items()}


def carries_json(fields: Iterable[tuple[str, Any]]) -> bool:
    """Whether a field made for that carries JSON, which is then all that was meant."""
    return _carry({name: [_json_or_text(value)] for name, value in fields if name in _PAYLOADS}) is not None


def _carry(fields: Mapping[str, Sequence[Any]]) -> Any:
    values = [fields[name][0] for name in _PAYLOADS if name in fields]
    return next((value for value in values if isinstance(value, dict | list)), None)


def _json_or_text(value: Any) -> Any:
    """Objects and lists written as JSON are taken apart; all other texts stay texts."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.MsgspecError, RecursionError):
        return value
