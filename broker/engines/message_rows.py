"""Messages as the SQL engines store them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from broker.engines.texts import pairs_to_bytes, text_bytes
from broker.model import NewMessage

MessageRow: TypeAlias = tuple[str, bytes, int]
"""A message on its way in: text, attributes, and how much both take."""


def rows_of(messages: Sequence[NewMessage]) -> tuple[list[MessageRow], int, int]:
    """The rows of a batch, how many bytes their texts have, and how many their attributes as well."""
    rows: list[MessageRow] = []
    total_bytes = stored_bytes = 0
    for message in messages:
        attributes = pairs_to_bytes(message.attributes)
        size_bytes = text_bytes(message.data)
        total_bytes += size_bytes
        stored_bytes += size_bytes + len(attributes)
        rows.append((message.data, attributes, size_bytes + len(attributes)))
    return rows, total_bytes, stored_bytes
