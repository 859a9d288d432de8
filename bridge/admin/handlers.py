"""What a page is made of: a look at the daemon, and an act upon it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from starlette.datastructures import FormData

from bridge.control.http_answers import OperatorRequest

GetHandler: TypeAlias = Callable[[OperatorRequest], Awaitable[dict[str, Any]]]
"""What a page's template is given. Raises OperateError, NotFound or a StoreError; each becomes a page that says so."""


@dataclass(frozen=True, slots=True)
class FormResult:
    """What a form did: the page to show next, and the sentence to show on it.

    A ``secret`` is shown this once, on a page of its own: it goes into no cookie, and no address.
    """

    path: str
    said: str
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Download:
    """A file for whoever looks: what it is called, what kind it is, and its bytes."""

    name: str
    media_type: str
    body: bytes


FileHandler: TypeAlias = Callable[[OperatorRequest], Awaitable[Download]]
"""Makes a file. Raises as a look does."""

PostHandler: TypeAlias = Callable[[OperatorRequest, FormData], Awaitable[FormResult]]
"""Does what a form asks for. Raises as a look does, and Refusal for what no form of ours sends."""


def field(form: FormData, name: str) -> str:
    """A text field of a form, without the blanks around it; "" when it is absent or a file."""
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""
