"""The kinds of values that queries and bodies hold, as the API's document tells of them.

A use case judges what was given, and says what would help; what stands here is for those who read the document first.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias, get_args

from msgspec import Meta

from broker.model import DeliveryState
from rules.source.bounds import LARGEST_COUNT
from rules.source.words import LONGEST_DURATION_S

_MESSAGE: Final = "^.+:[0-9]{1,15}$"
_SUBJECT: Final = "^(.+:[0-9]{1,15}|[0-9a-f]{4,32})$"
_MESSAGES: Final = "^.+:[0-9]{1,15}(-[0-9]{1,15})?$"

Count: TypeAlias = Annotated[int, Meta(ge=0, le=LARGEST_COUNT)]
"""A whole number: how many, or a number to page by."""
SecondsBack: TypeAlias = Annotated[int, Meta(ge=0, le=int(LONGEST_DURATION_S))]
"""How far back, in whole seconds: a hundred years at most."""
Seconds: TypeAlias = Annotated[float, Meta(extra_json_schema={"minimum": 0, "maximum": LONGEST_DURATION_S})]
"""A length of time: a hundred years at most."""
StateName: TypeAlias = Annotated[str, Meta(extra_json_schema={"enum": ["", *get_args(DeliveryState)]})]
"""The state of a delivery, "" for any."""
MessageName: TypeAlias = Annotated[str, Meta(extra_json_schema={"pattern": _MESSAGE})]
"""``TOPIC:OFFSET``."""
SubjectName: TypeAlias = Annotated[str, Meta(extra_json_schema={"pattern": _SUBJECT})]
"""``TOPIC:OFFSET``, or an id of a delivery or incident, or its beginning."""
MessageNames: TypeAlias = Annotated[
    list[Annotated[str, Meta(extra_json_schema={"pattern": _MESSAGES})]],
    Meta(extra_json_schema={"minItems": 1, "maxItems": 100}),
]
"""``TOPIC:OFFSET`` or ``TOPIC:FIRST-LAST`` each."""
SilenceMatchers: TypeAlias = Annotated[
    dict[str, Any], Meta(extra_json_schema={"minProperties": 1, "maxProperties": 100})
]
"""What a silence must find, by place."""
PlainText: TypeAlias = Annotated[str, Meta(extra_json_schema={"maxLength": 1_000})]
"""A text that people read: why, or who."""
