"""The JSON of changes with ``PATCH``, which AMS does not have: a record, and a mask of the fields that count."""

from __future__ import annotations

from bridge.api.wire import PushConfigRequest, WireRequest


class SubscriptionChange(WireRequest, frozen=True):
    """The fields of a subscription that can be changed; ``name`` may stand beside them."""

    name: str = ""
    ack_deadline_seconds: int = 0
    push_config: PushConfigRequest = PushConfigRequest()


class SubscriptionPatch(WireRequest, frozen=True):
    """What ``subscriptions.patch`` takes."""

    subscription: SubscriptionChange = SubscriptionChange()
    update_mask: str = ""


class TopicSchemaRequest(WireRequest, frozen=True):
    """The schema that a topic's messages are checked against, by its full name."""

    schema: str = ""


class TopicChange(WireRequest, frozen=True):
    """The fields of a topic that can be changed: its schema, as Google or as AMS writes it."""

    name: str = ""
    schema: str = ""
    schema_settings: TopicSchemaRequest = TopicSchemaRequest()


class TopicPatch(WireRequest, frozen=True):
    """What ``topics.patch`` takes."""

    topic: TopicChange = TopicChange()
    update_mask: str = ""
