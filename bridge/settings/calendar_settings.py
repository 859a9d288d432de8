"""The settings of a calendar that rotas and intervals look at."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from bridge.core.quantities import FilePath, LastingDuration
from bridge.core.secret import Secret
from bridge.core.tls_settings import TlsClientSettings
from rules.language.read_intervals import read_zone

_WEBCAL = "webcal://"


class CalendarSettings(TlsClientSettings):
    """A calendar of iCalendar: at a URL, of which the last good copy is kept, or in a file."""

    url: Secret | None = Field(None, description="Where it is exported to; http, https or webcal")
    file: FilePath | None = Field(
        None, description="The calendar itself; beside url, what counts until that was read once, and in tests"
    )
    every: LastingDuration = Field(900.0, ge=60, description="How often it is read again")
    stale_after: LastingDuration = Field(86_400.0, description="A copy of this age is told by /readyz")
    timezone: str = Field("UTC", description="The zone of whole days, and of times that name none")

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        read_zone(name)
        return name

    @field_validator("url")
    @classmethod
    def _leads_to_a_host(cls, url: Secret | None) -> Secret | None:
        if url is None:
            return None
        text = url.reveal()
        text = f"https://{text.removeprefix(_WEBCAL)}" if text.startswith(_WEBCAL) else text
        try:
            parts = urlsplit(text)
            fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            fits = False
        if not fits:
            raise ValueError("a calendar is at an http, https or webcal URL with a host")
        return Secret(text)

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if self.url is None and self.file is None:
            raise ValueError("a calendar needs a url: or a file:")
        return self
