"""The JSON of AMS: what requests may hold and what answers look like. AMS's camelCase lives here only.

Requests have a default for everything (absent and null are the same); answers leave a field out where it has a default
and holds it (ams-api.md section 4.3).
"""

from __future__ import annotations

from typing import Any

import msgspec


class WireRequest(msgspec.Struct, rename="camel", frozen=True):
    """A request body with camelCase keys."""


class SnakeRequest(msgspec.Struct, frozen=True):
    """A request body with snake_case keys."""


class WireAnswer(msgspec.Struct, rename="camel", omit_defaults=True):
    """An answer with camelCase keys."""


class SnakeAnswer(msgspec.Struct, omit_defaults=True):
    """An answer with snake_case keys."""


class Empty(msgspec.Struct):
    """The empty answer, ``{}``."""


# --- Messages -------------------------------------------------------------------------------------


class PublishedMessage(WireRequest, frozen=True):
    """A message to publish. Its id and time are the server's; what is sent there is passed over."""

    data: str = ""
    attributes: dict[str, str] = {}


class PublishRequest(WireRequest, frozen=True):
    """What ``:publish`` takes."""

    messages: list[PublishedMessage] = []


class PublishAnswer(WireAnswer):
    """The ids of the messages, in order."""

    message_ids: list[str]


class PullRequest(WireRequest, frozen=True):
    """What ``:pull`` takes; as text or natively (D1)."""

    max_messages: Any = None
    return_immediately: Any = None


class MessageAnswer(WireAnswer, kw_only=True):
    """A message as consumers see it, in the order in which it is pushed. Clients fail on any other key."""

    message_id: str
    attributes: dict[str, str] = {}
    data: str
    publish_time: str


class ReceivedMessage(WireAnswer):
    """A pulled message with the id that acknowledges it."""

    ack_id: str
    message: MessageAnswer


class WirePull(WireAnswer):
    """What a pull gives; never null."""

    received_messages: list[ReceivedMessage]


class AckRequest(WireRequest, frozen=True):
    """What ``:acknowledge`` takes."""

    ack_ids: list[str] = []


# --- Topics and subscriptions ---------------------------------------------------------------------


class TopicAnswer(SnakeAnswer, kw_only=True):
    """A topic as AMS shows it."""

    name: str
    schema: str = ""
    created_on: str


class AclRequest(SnakeRequest, frozen=True):
    """Who may publish to a topic or pull from a subscription; None when the list was absent."""

    authorized_users: list[str] | None = None


class AclAnswer(SnakeAnswer):
    """The user names of an access list."""

    authorized_users: list[str]


class AuthorizationHeader(WireRequest, frozen=True, omit_defaults=True):
    """How a push authorizes itself: ``autogen`` with a value, ``disabled``, or nothing."""

    type: str = ""
    value: str = ""


class RetryPolicyRequest(WireRequest, frozen=True):
    """How often to push; ``period`` in milliseconds."""

    type: str = ""
    period: int = 0


class PushConfigRequest(WireRequest, frozen=True):
    """A push configuration; everything at its default means pull. ``verified`` and the hash are the server's."""

    type: str = ""
    push_endpoint: str = ""
    max_messages: int = 0
    authorization_header: AuthorizationHeader = AuthorizationHeader()
    retry_policy: RetryPolicyRequest = RetryPolicyRequest()
    verification_hash: str = ""
    verified: bool = False
    mattermost_url: str = ""
    mattermost_username: str = ""
    mattermost_channel: str = ""
    base64_decode: bool | None = None


class SubscriptionRequest(WireRequest, frozen=True):
    """What creating a subscription or changing its push configuration takes."""

    topic: str = ""
    ack_deadline_seconds: int = 0
    push_config: PushConfigRequest = PushConfigRequest()
    filter: str = ""  # not AMS's: Google's


class AckDeadlineRequest(WireRequest, frozen=True):
    """What ``:modifyAckDeadline`` takes."""

    ack_deadline_seconds: int = 0


class OffsetRequest(WireRequest, frozen=True):
    """What ``:modifyOffset`` takes; None when it was absent."""

    offset: int | None = None


class RetryPolicyAnswer(WireAnswer):
    """The retry policy of a push configuration; ``period`` is left out where no number belongs there."""

    type: str = ""
    period: int | None = None


class PushConfigAnswer(msgspec.Struct, rename="camel"):
    """A push configuration, always complete."""

    type: str
    push_endpoint: str
    max_messages: int
    authorization_header: AuthorizationHeader
    retry_policy: RetryPolicyAnswer
    verification_hash: str
    verified: bool
    mattermost_url: str
    mattermost_username: str
    mattermost_channel: str
    base64_decode: bool


class SubscriptionAnswer(WireAnswer, kw_only=True):
    """A subscription as AMS shows it. ``pushStatus`` is shown by itself only."""

    name: str
    topic: str
    push_config: PushConfigAnswer
    ack_deadline_seconds: int
    push_status: str = ""
    created_on: str
    filter: str = ""  # shown where there is one: not AMS's, but Google's


class OffsetsAnswer(WireAnswer):
    """Where a subscription stands."""

    max: int
    min: int
    current: int


class OffsetAnswer(WireAnswer):
    """The offset of a time."""

    offset: int


class MessageText(WireAnswer):
    """An answer that is a sentence."""

    message: str


class Deactivated(WireAnswer):
    """What is told when a subscription goes; nothing when it did not push."""

    message: str = ""


class SubscriptionNames(WireAnswer):
    """The full names of a topic's subscriptions."""

    subscriptions: list[str]


class TopicPage(WireAnswer):
    """A page of topics, the youngest first."""

    topics: list[TopicAnswer]
    next_page_token: str
    total_size: int


class SubscriptionPage(WireAnswer):
    """A page of subscriptions, the youngest first."""

    subscriptions: list[SubscriptionAnswer]
    next_page_token: str
    total_size: int
