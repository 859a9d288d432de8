"""What every destination's settings have in common: pace, retries, breaker (semantics.md item 8)."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

import httpx
from pydantic import AfterValidator, Field, model_validator

from bridge.core.credentials import split_credentials
from bridge.core.domains import ascii_url
from bridge.core.model_base import SettingsRecord
from bridge.core.quantities import MOST_COUNTED, LastingDuration, Pacing
from bridge.core.secret import Secret
from bridge.core.tls_settings import TlsClientSettings
from rules.source.words import Rate


class RetrySettings(SettingsRecord):
    """How long and how often a delivery is tried."""

    attempts: int = Field(
        12,
        ge=1,
        le=MOST_COUNTED,
        description="Tries that may fail because of the message itself, unclear ones included",
    )
    base: LastingDuration = Field(1.0, description="Pause after the first failure; it doubles, with full jitter")
    max: LastingDuration = Field(600.0, description="Longest pause, and the longest Retry-After that is obeyed")
    give_up_after: LastingDuration = Field(
        86400.0, description="So long after its first try a delivery becomes a dead letter at its next failure"
    )


class BreakerSettings(SettingsRecord):
    """When a destination is left alone."""

    failures: int = Field(
        5, ge=1, le=MOST_COUNTED, description="Failures of the destination in a row that open the breaker"
    )
    probe_every: LastingDuration = Field(
        30.0, description="Pause before one delivery is tried while the breaker is open; it grows"
    )


class CollapseSettings(SettingsRecord):
    """When more waits than the rate lets through: several posts become one digest."""

    after: LastingDuration = Field(60.0, description="What is due may take this long at the rate before posts collapse")
    below: Literal["critical", "error", "warning", "info"] = Field(
        "error", description="Posts of this severity and above always come by themselves; also when a backlog folds"
    )
    most_named: int = Field(20, ge=1, le=200, description="How many posts a digest names, the worst first")


class BacklogSettings(SettingsRecord):
    """What is done with what waited long, such as through an outage."""

    older_than: LastingDuration = Field(
        900.0,
        description="What was decided longer ago becomes one digest; what began and ended meanwhile is only summed up",
    )


class DestinationConfig(SettingsRecord):
    """What every kind of destination can be told."""

    type: str
    rate: Pacing | None = Field(None, description="Deliveries per time at most; empty: as fast as it goes")
    burst: int = Field(10, ge=1, le=MOST_COUNTED, description="How many may go at once before the rate counts")
    timeout: LastingDuration = Field(10.0, description="Longest time for one try")
    concurrency: int = Field(4, ge=1, le=256, description="Tries at the same time")
    retry: RetrySettings = RetrySettings()
    breaker: BreakerSettings = BreakerSettings()
    when_unclear: Literal["again", "dead"] = Field(
        "again", description="After a try that may have arrived: try again (rather twice) or give up (rather not)"
    )
    collapse: CollapseSettings | Literal["off"] | None = Field(
        None, description="When too much waits; empty: on for chat and mail (kinds with a rate), off for all others"
    )
    backlog: BacklogSettings | Literal["off"] | None = Field(
        None, description="When it waited long; empty: on for chat and mail (kinds with a rate), off for all others"
    )

    @property
    def edits(self) -> bool:
        """Whether later news of an incident change the post that already stands."""
        return False

    @property
    def collapsing(self) -> CollapseSettings | None:
        """How posts collapse, or None when they do not: without a rate there is nothing to exceed."""
        if self.rate is None or self.collapse == "off":
            return None
        return self.collapse or (CollapseSettings() if self._is_for_people else None)

    @property
    def backlog_older_than_s(self) -> float | None:
        """From which age on what waits becomes a digest; None when it does not."""
        if self.backlog == "off":
            return None
        settings = self.backlog or (BacklogSettings() if self._is_for_people else None)
        return settings.older_than if settings is not None else None

    @property
    def digest(self) -> CollapseSettings:
        """Which posts may become a digest, and how many it names."""
        return self.collapse if isinstance(self.collapse, CollapseSettings) else CollapseSettings()

    @property
    def _is_for_people(self) -> bool:
        """Whether its kind is read by people: those have a rate without being told."""
        return type(self).model_fields["rate"].default is not None

    @model_validator(mode="after")
    def _has_a_rate_to_exceed(self) -> Self:
        if isinstance(self.collapse, CollapseSettings) and self.rate is None:
            raise ValueError('"collapse" needs a "rate" to compare with what waits; give one, or write collapse: off')
        return self


class HttpDestinationConfig(TlsClientSettings, DestinationConfig):
    """What every kind of destination that is asked over HTTP can be told."""


def _web_address(url: str) -> str:
    """The URL, if HTTP can reach what it names. Raises ValueError, which does not repeat it."""
    try:
        read = httpx.URL(ascii_url(split_credentials(url)[0]))
    except (httpx.InvalidURL, ValueError):
        raise ValueError("this is no URL") from None
    if read.scheme not in ("http", "https") or not read.host or "%" in read.host:
        raise ValueError("a URL that begins with https:// (or http://) is wanted")
    return url


def _open_web_address(url: str) -> str:
    if split_credentials(_web_address(url))[1] is not None:
        raise ValueError("a URL without a name and a password is wanted: the token says who asks")
    return url


def _header_secret(secret: Secret) -> Secret:
    value = secret.reveal()
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("this has blanks, line ends or letters that a header cannot have")
    return secret


def _secret_web_address(secret: Secret) -> Secret:
    _web_address(secret.reveal())
    return secret


HeaderSecret: TypeAlias = Annotated[Secret, AfterValidator(_header_secret)]
"""A token that is sent in a header."""

SecretUrl: TypeAlias = Annotated[Secret, AfterValidator(_secret_web_address)]
"""The URL of a hook: whoever has it may post, so it is a secret as a whole."""

WebUrl: TypeAlias = Annotated[str, AfterValidator(_open_web_address)]
"""The URL of a service, without a secret in it."""

WHOLE_TRY_MARGIN_S = 1.0
"""How much longer than ``timeout`` a try of several requests may take; each request keeps to ``timeout``."""

CHAT_RATE = Rate(1, 1.0)
"""People cannot read faster, and servers seldom limit themselves (destinations.md 2.4)."""
