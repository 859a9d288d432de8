"""What the settings of every source have in common."""

from __future__ import annotations

from pydantic import Field, field_validator

from bridge.core.model_base import SettingsRecord
from bridge.core.secret import Secret


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
    """What every webhook receiver can be told: how callers prove who they are."""

    token: Secret | None = Field(
        None, description="Callers give it as x-api-key, as Authorization: Bearer, or as ?token= in the address"
    )
    auth: BasicAuth | None = Field(None, description="HTTP Basic authentication")
    secret: Secret | None = Field(None, description="Key of an HMAC-SHA256 signature of the body")
