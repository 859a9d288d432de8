"""GitHub's webhooks: the event's kind and delivery id become attributes; ``secret`` checks the signature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from bridge.core.secret import Secret
from bridge.sources.source_config import HookConfig
from bridge.sources.webhook import json_of, message_of
from broker.model import NewMessage


class GithubSourceConfig(HookConfig):
    """Settings of a receiver of GitHub's webhooks."""

    type: Literal["github"] = "github"
    secret: Secret | tuple[Secret, ...] | None = Field(
        description="The webhook's secret, as entered at GitHub; several while it is changed"
    )


def github_messages(name: str, headers: Mapping[str, str], body: bytes) -> list[NewMessage]:
    """One message for a call of GitHub. Raises BadPayload for a body that is no JSON; forms were taken apart before."""
    json_of(body)
    attributes = {"source": name, "type": "github"}
    for header, attribute in (("x-github-event", "event"), ("x-github-delivery", "delivery")):
        if header in headers:
            attributes[attribute] = headers[header]
    return [message_of(body, attributes)]
