"""What a name may look like, and the catalog keys made of names."""

from __future__ import annotations

import re
from typing import Final

from broker.errors import InvalidName

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]+")


AUDIT_LOG: Final = "audit"
"""The uid of the log that holds the audit trail. No topic has it: those of topics are random."""


def is_name(text: str) -> bool:
    """Whether the whole text is ASCII letters, digits, ``-`` and ``_``, and not empty; a trailing newline is not."""
    return _NAME.fullmatch(text) is not None


def check_name(kind: str, name: str) -> str:
    """The name, when it may be one. Raises InvalidName naming the kind of thing it was meant for."""
    if not is_name(name):
        raise InvalidName(kind, name)
    return name


def child_key(project_uid: str, name: str) -> str:
    """The catalog key of a topic, subscription or schema of a project."""
    return f"{project_uid}/{name}"


def subscription_cursor(subscription_uid: str) -> str:
    """The id of a subscription's cursor."""
    return f"s/{subscription_uid}"


def router_cursor(topic_uid: str) -> str:
    """The id of a topic router's cursor."""
    return f"r/{topic_uid}"


def tally_cursor(topic_uid: str) -> str:
    """The id of the cursor of what is counted by day (broker/usage_metrics.py)."""
    return f"d/{topic_uid}"
