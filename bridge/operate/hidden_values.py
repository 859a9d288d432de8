"""Hides what payloads themselves call a secret, where people look at messages and posts; who pulls gets it as it is.

A value is hidden by the name it has: ``client_secret``, ``password``, ``accessToken``, ``api-key``.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

from bridge.destinations.base import Preview
from rules.model import Post

HIDDEN: Final = "***"
_DEEPEST: Final = 60
_NAME: Final = (
    r"[\w.-]{0,64}(?:secret|password|passwd|passphrase|token|credential|authorization|api[_-]?key|private[_-]?key)s?"
)
_IS_NAME: Final = re.compile(_NAME, re.IGNORECASE)
_PLACE: Final = re.compile(rf"(?:^|[.\['\"]){_NAME}['\"\]]*$", re.IGNORECASE)
_IN_JSON: Final = re.compile(
    rf'("{_NAME}"\s{{0,8}}:\s{{0,8}})(?:"(?:[^"\\]|\\.)*(?:"|\\?\Z)|-?\d[\d.eE+-]*)', re.IGNORECASE | re.DOTALL
)
_IN_FORM: Final = re.compile(rf"((?:^|[?&\s]){_NAME}=)[^&\s\"']+", re.IGNORECASE)


def hide_in_text(text: str) -> str:
    """A payload's text, JSON, a form or a part of one, without the values of such names."""
    return _IN_FORM.sub(rf"\1{HIDDEN}", _IN_JSON.sub(rf'\1"{HIDDEN}"', text))


def hide_in_value(value: Any, depth: int = 0) -> Any:
    """A value of JSON without those of such names; what is nothing stays, and what lies too deep is left out."""
    if depth > _DEEPEST:
        return "…"
    match value:
        case str():
            return hide_in_text(value)
        case dict():
            return {
                name: HIDDEN if is_secret_name(name) and inner else hide_in_value(inner, depth + 1)
                for name, inner in value.items()
            }
        case list():
            return [hide_in_value(inner, depth + 1) for inner in value]
        case _:
            return value


def hide_in_post(post: Post) -> Post:
    """A post whose body for programs shows none of them."""
    return replace(post, body=hide_in_value(post.body)) if post.body is not None else post


def hide_in_preview(preview: Preview) -> Preview:
    """A preview whose body shows none of them."""
    return replace(preview, body=hide_in_value(preview.body))


def is_secret_name(name: object) -> bool:
    """Whether a name says that its value is a secret."""
    return isinstance(name, str) and _IS_NAME.fullmatch(name) is not None


def is_secret_place(place: str) -> bool:
    """Whether a place of an event, such as ``$.client_secret``, holds one."""
    return _PLACE.search(place) is not None
