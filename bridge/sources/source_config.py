"""What the settings of every source have in common."""

from __future__ import annotations

import re
from typing import Final, Literal

from pydantic import Field, field_validator

from bridge.core.model_base import SettingsRecord
from bridge.core.secret import Secret
from bridge.sources.standard_webhooks import check_key

_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SECRET_HEADERS: Final = frozenset(
    {"authorization", "cookie", "proxy-authorization", "x-api-key", "x-gitlab-token", "x-vault-token"}
)


class SourceConfig(SettingsRecord):
    """What every kind of source can be told."""

    type: str
    topic: str = Field(description="Where its messages go: projects/PROJECT/topics/TOPIC")

    @field_validator("topic")
    @classmethod
    def _is_a_topic(cls, topic: str) -> str:
        parts = topic.split("/")
        if len(parts) != 4 or parts[0] != "projects" or parts[2] != "topics" or not (parts[1] and parts[3]):
            raise ValueError(f'"{topic}" is not a topic; write projects/PROJECT/topics/TOPIC')
        return topic


class BasicAuth(SettingsRecord):
    """A user and password of HTTP Basic authentication."""

    basic: Secret = Field(description="user:password")

    @field_validator("basic")
    @classmethod
    def _is_user_and_password(cls, basic: Secret) -> Secret:
        user, _, password = basic.reveal().partition(":")
        if not user or not password.strip():
            raise ValueError("user:password is wanted, and neither may be empty")
        return basic


class HookConfig(SourceConfig):
    """What every webhook receiver can be told: how callers prove who they are, and how their calls are read."""

    token: Secret | None = Field(
        None,
        description="Callers give it as x-api-key, x-gitlab-token, Authorization: Bearer, or as ?token= in the address",
    )
    auth: BasicAuth | None = Field(None, description="HTTP Basic authentication")
    secret: Secret | tuple[Secret, ...] | None = Field(
        None,
        description="Key of an HMAC-SHA256 signature of the body, or of Standard Webhooks (whsec_..., whpk_...); "
        "several while they are changed",
    )
    headers: tuple[str, ...] = Field(
        (), description="Headers of a call to keep as attributes, beside ce-* and those that name the event"
    )
    decode: Literal["auto", "form"] = Field(
        "auto", description="form: every body is a form, and becomes JSON; auto: forms with JSON in a field do"
    )

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """All keys of which one must have signed; none when no signature is asked for."""
        if self.secret is None:
            return ()
        return self.secret if isinstance(self.secret, tuple) else (self.secret,)

    @field_validator("secret")
    @classmethod
    def _can_verify(cls, secrets: Secret | tuple[Secret, ...] | None) -> Secret | tuple[Secret, ...] | None:
        if secrets == ():
            raise ValueError("an empty list lets nobody in; name a secret, or leave it out")
        for secret in secrets if isinstance(secrets, tuple) else [secrets] if secrets else []:
            check_key(secret)
        return secrets

    @field_validator("headers")
    @classmethod
    def _are_no_secrets(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for name in texts:
            if not _HEADER.fullmatch(name):
                raise ValueError(f'"{name}" is no name of a header')
            if name.lower() in _SECRET_HEADERS:
                raise ValueError(f"{name} carries a secret, and attributes are shown to everybody who reads the topic")
        return texts
