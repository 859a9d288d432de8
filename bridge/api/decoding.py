"""Request bodies read the way AMS reads them: as Go's ``encoding/json`` fills a struct (ams-api.md section 1.2).

Keys match whatever their case, unknown ones are passed over, null means absent, a wrong type is an error, and so is
anything after the value (except where AMS reads just the first one). Of a key given several times the last one wins:
objects are laid over each other, and null takes a list or an object of texts away but leaves any other value as it is.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import UnionType
from typing import Any, Final, TypeVar, Union, get_args, get_origin

import msgspec

S = TypeVar("S")

_INT64: Final = range(-(2**63), 2**63)
_DIGITS: Final = 308
_BLANK: Final = " \t\r\n"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class BadBody(Exception):
    """The body does not fit; the caller knows what AMS says to that."""


class _Members(list[tuple[str, Any]]):
    """A JSON object with every member it was sent with, in order."""


def _members(pairs: list[tuple[str, Any]]) -> _Members:
    """A function and not the class itself: the interpreter gives way to other threads only where a function begins."""
    return _Members(pairs)


def decode_shape(body: bytes, shape: type[S], *, first_value_only: bool = False) -> S:
    """The body as a ``shape``: a msgspec Struct, ``dict[str, str]`` or the like. Raises BadBody."""
    text = body.decode("utf-8", "replace").lstrip(_BLANK)
    try:
        value, end = _JSON.raw_decode(text)
    except (ValueError, RecursionError) as wrong:
        raise BadBody(str(wrong)) from wrong
    if not first_value_only and text[end:].strip(_BLANK):
        raise BadBody("there is something after the JSON value")
    result: S = _fit(value, shape)
    return result


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _whole(text: str) -> int | float:
    """A number without a fraction; one that no shape takes is infinite, so that it costs nothing to read."""
    return int(text) if len(text) <= _DIGITS else math.inf


_JSON: Final = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_refuse_constant, parse_int=_whole)


def _fit(value: Any, shape: Any, before: Any = None) -> Any:
    """The value in the shape asked for; ``X | None`` keeps apart what was absent from what was empty.

    ``before`` is what the same key gave earlier in the same object, None when it is the first time.
    """
    if shape is Any:
        return _plain(value)
    origin = get_origin(shape)
    if origin in (Union, UnionType):
        return None if value is None else _fit(value, _arm(shape), before)
    if origin is list:
        return _fit_list(value, get_args(shape)[0])
    if origin is dict:
        return {**(before or {}), **_fit_map(value, get_args(shape)[1])}
    fit = _SCALARS.get(shape)
    return _fit_struct(value, shape, before) if fit is None else fit(value)


def _arm(shape: Any) -> Any:
    """What ``X | None`` is when it is not None; any other shape is itself."""
    if get_origin(shape) not in (Union, UnionType):
        return shape
    return next(arm for arm in get_args(shape) if arm is not type(None))


def _fit_text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadBody(f"expected a string, found {type(value).__name__}")
    return _SURROGATE.sub("\ufffd", value)


def _fit_int(value: Any) -> int:
    if value is None:
        return 0
    if type(value) is not int or value not in _INT64:
        raise BadBody(f"expected an integer, found {value!r}")
    return value


def _fit_bool(value: Any) -> bool:
    if value is None:
        return False
    if not isinstance(value, bool):
        raise BadBody(f"expected true or false, found {type(value).__name__}")
    return value


def _fit_list(value: Any, of: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list) or isinstance(value, _Members):
        raise BadBody(f"expected a list, found {type(value).__name__}")
    return [_fit(item, of) for item in value]


def _fit_map(value: Any, of: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, _Members):
        raise BadBody(f"expected an object, found {type(value).__name__}")
    return {_fit_text(key): _fit(below, of) for key, below in value}


def _fit_struct(value: Any, shape: Any, before: Any = None) -> Any:
    if value is None:
        return shape()
    if not isinstance(value, _Members):
        raise BadBody(f"expected an object, found {type(value).__name__}")
    fields = _fields(shape)
    struct_fields: dict[str, Any] = {} if before is None else msgspec.structs.asdict(before)
    seen: set[str] = set() if before is None else set(struct_fields)
    for key, below in value:
        field = fields.get(key.casefold())
        if field is None:
            continue
        name, its_shape = field
        if below is not None:
            struct_fields[name] = _fit(below, its_shape, struct_fields.get(name) if name in seen else None)
            seen.add(name)
        elif get_origin(_arm(its_shape)) in (list, dict):
            struct_fields.pop(name, None)
    return shape(**struct_fields)


@lru_cache(maxsize=256)
def _fields(shape: Any) -> Mapping[str, tuple[str, Any]]:
    """Wire name in lower case -> field name and type."""
    return {field.encode_name.casefold(): (field.name, field.type) for field in msgspec.structs.fields(shape)}


def _plain(value: Any) -> Any:
    """A value of any shape, as dicts and lists."""
    match value:
        case _Members():
            return {_fit_text(key): _plain(below) for key, below in value}
        case list():
            return [_plain(item) for item in value]
        case str():
            return _fit_text(value)
        case float() if math.isinf(value):
            raise BadBody("a number is too large")
        case _:
            return value


_SCALARS: Final[Mapping[Any, Callable[[Any], Any]]] = {str: _fit_text, int: _fit_int, bool: _fit_bool}
