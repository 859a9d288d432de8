"""The settings as use cases know them: what may be shown, the intervals, and the secrets that must not get out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel

from bridge.core.secret import Secret
from bridge.operate.operator_context import SettingsFacts
from bridge.settings.model import Settings

_LEAST_RUNES: Final = 4
_LEAST_PATH_RUNES: Final = 12
"""A step of a secret URL's path from this length on is a secret of its own: ``/hooks/`` is none."""


def facts_of_settings(settings: Settings) -> SettingsFacts:
    """The facts of the settings in force."""
    return SettingsFacts(settings.model_dump(mode="json"), settings.intervals, tuple(list_secrets(settings)))


def list_secrets(settings: Settings) -> list[str]:
    """Every secret that the settings hold, the longest first; of a URL also its telling parts."""
    secrets = {secret.reveal() for secret in _secrets_in(settings)}
    parts = {part for secret in secrets for part in _telling_parts(secret)}
    return sorted((text for text in secrets | parts if len(text) >= _LEAST_RUNES), key=len, reverse=True)


def _secrets_in(value: Any) -> Iterator[Secret]:
    match value:
        case Secret():
            yield value
        case BaseModel():
            for name in type(value).model_fields:
                yield from _secrets_in(getattr(value, name))
        case Mapping():
            for inner in value.values():
                yield from _secrets_in(inner)
        case list() | tuple() | set() | frozenset():
            for inner in value:
                yield from _secrets_in(inner)
        case _:
            return


def _telling_parts(secret: str) -> Iterator[str]:
    """What in a URL is secret by itself: who logs in, long steps of the path, and the values behind it."""
    try:
        parts = urlsplit(secret)
    except ValueError:
        return
    if not parts.scheme or not parts.netloc:
        return
    yield from (text for text in (parts.password,) if text)
    yield from (step for step in parts.path.split("/") if len(step) >= _LEAST_PATH_RUNES)
    yield from (value for _, value in parse_qsl(parts.query) if len(value) >= _LEAST_PATH_RUNES)
