"""A value that never shows itself: not in a repr, a log, an error text or a dump.

Settings name secrets by reference (``${env:NAME}``, ``${file:/path}``, ``${credential:NAME}``); what comes of
a reference is wrapped here, and only the one line that needs the value asks for it.
"""

from __future__ import annotations

from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema


class Secret:
    """A secret text. ``reveal`` gives it; everything else shows ``Secret(***)``."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself. Call it where it is used, never where it is passed on."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __bool__(self) -> bool:
        return bool(self._value)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[Any], handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Let settings records hold secrets: a text becomes one, and dumps as ``***``."""
        return core_schema.no_info_plain_validator_function(
            cls._validate,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda _: "***"),
            metadata={"pydantic_js_functions": [lambda _schema, _handler: {"type": "string", "format": "password"}]},
        )

    @classmethod
    def _validate(cls, value: object) -> Secret:
        secret = cls(value) if isinstance(value, str) else value
        if not isinstance(secret, Secret):
            raise ValueError("a text or a reference such as ${credential:NAME} is wanted")  # noqa: TRY004 - pydantic's
        if not secret._value.strip():
            raise ValueError("a secret must not be empty: everybody would know it")
        return secret
