"""Everything that a plugin may import of ams-bridge: the names in ``__all__``, and no other, are promised to stay.

``PROMISE`` is the number of what is promised now: a plugin says the number it was made for, and is told with its
package's name when that is no longer kept. docs/plugins.md lists the names and says how each is used.
"""

from __future__ import annotations

from bridge.core.quantities import LastingDuration, Pacing
from bridge.core.secret import Secret
from bridge.destinations.base import (
    Delivered,
    Destination,
    Later,
    Outcome,
    Parcel,
    PartSize,
    Preview,
    RateLimitStatus,
    Refused,
)
from bridge.destinations.config import (
    CHAT_RATE,
    DestinationConfig,
    HeaderSecret,
    HttpDestinationConfig,
    SecretUrl,
    WebUrl,
)
from bridge.destinations.destination_kinds import Tools, http_client_of
from bridge.destinations.destination_plugins import DestinationPlugin
from bridge.destinations.kit.colors import color_of
from bridge.destinations.kit.http_call import HttpAnswer, ask, not_expected, outcome_of, reason_of
from bridge.destinations.kit.payload import payload_bytes, payload_of, record_of
from bridge.destinations.kit.plain_text import Dialect, PlainBlock, TextSpan
from bridge.destinations.kit.plain_text import plain as plain_of
from bridge.destinations.kit.plain_text import read_blocks as read_markdown
from bridge.destinations.kit.plain_text import read_line as read_markdown_line
from bridge.destinations.kit.plain_text import write as write_markdown
from bridge.destinations.kit.redact import Redactor, shown_url
from bridge.sources.call_bodies import BadPayload
from bridge.sources.fetching_source import FetchConfig, FetchedMessage, Fetcher, FetchTrouble
from bridge.sources.source_config import HookConfig
from bridge.sources.source_kinds import FetchPlugin, SourcePlugin
from bridge.sources.webhook import json_of, message_of
from broker.clock import Clock
from broker.model import NewMessage
from rules.conditions.operators import Operator, OperatorPlugin, OperatorTest
from rules.model import DestinationFacts, Field, Post
from rules.plugins import OLDEST_PROMISE, PROMISE
from rules.rendering.jinja_filters import FilterPlugin
from rules.rendering.markdown import Authored
from rules.rendering.split import cut_text

__all__ = [
    "CHAT_RATE",
    "OLDEST_PROMISE",
    "PROMISE",
    "Authored",
    "BadPayload",
    "Clock",
    "Delivered",
    "Destination",
    "DestinationConfig",
    "DestinationFacts",
    "DestinationPlugin",
    "Dialect",
    "FetchConfig",
    "FetchPlugin",
    "FetchTrouble",
    "FetchedMessage",
    "Fetcher",
    "Field",
    "FilterPlugin",
    "HeaderSecret",
    "HookConfig",
    "HttpAnswer",
    "HttpDestinationConfig",
    "LastingDuration",
    "Later",
    "NewMessage",
    "Operator",
    "OperatorPlugin",
    "OperatorTest",
    "Outcome",
    "Pacing",
    "Parcel",
    "PartSize",
    "PlainBlock",
    "Post",
    "Preview",
    "RateLimitStatus",
    "Redactor",
    "Refused",
    "Secret",
    "SecretUrl",
    "SourcePlugin",
    "TextSpan",
    "Tools",
    "WebUrl",
    "ask",
    "color_of",
    "cut_text",
    "http_client_of",
    "json_of",
    "message_of",
    "not_expected",
    "outcome_of",
    "payload_bytes",
    "payload_of",
    "plain_of",
    "read_markdown",
    "read_markdown_line",
    "reason_of",
    "record_of",
    "shown_url",
    "write_markdown",
]
