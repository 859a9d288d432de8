"""Names of things inside bodies, such as ``projects/P/topics/T`` (ams-api.md 4.1, 5, 6.1 and D8)."""

from __future__ import annotations

from bridge.api.api_errors import invalid_argument, not_found
from bridge.api.call import Call
from broker.records import Schema, Topic


def topic_of(call: Call, reference: str) -> Topic:
    """The topic a subscription names; its project is the path's, whatever the reference says. Raises ApiError."""
    parts = reference.removeprefix("/").split("/")
    if len(parts) != 4 or (parts[0] != "projects" and parts[2] != "topics"):
        raise invalid_argument("Invalid Topic name")
    topic = call.broker.cache.topic(call.project.uid, parts[3])
    if topic is None:
        raise not_found("Topic doesn't exist")
    return topic


def schema_name(reference: str) -> str:
    """The short name in ``projects/X/schemas/S``. Raises ApiError."""
    parts = reference.removeprefix("/").split("/")
    if len(parts) != 4 or parts[0] != "projects" or parts[2] != "schemas":
        raise invalid_argument("wrong schema name declaration")
    return parts[3]


def schema_of(call: Call, reference: str) -> Schema:
    """The schema a topic names; its project is the path's. Raises ApiError."""
    schema = call.broker.cache.schema(call.project.uid, schema_name(reference))
    if schema is None:
        raise not_found("Schema doesn't exist")
    return schema


def topic_name(project: str, topic: str) -> str:
    """A topic's full name in answers."""
    return f"/projects/{project}/topics/{topic}"


def subscription_name(project: str, subscription: str) -> str:
    """A subscription's full name in answers."""
    return f"/projects/{project}/subscriptions/{subscription}"


def full_schema_name(project: str, schema: str) -> str:
    """A schema's full name, the same in requests and answers."""
    return f"projects/{project}/schemas/{schema}"
