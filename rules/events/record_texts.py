"""Texts of records, as accounting sends them.

A first line names the kind, each record is lines of ``Key: value``, and a line ``%%`` ends it.

A record that cannot be read does not cost the others: it stands at its place with its text and what is wrong with it.
"""

from __future__ import annotations

from typing import Any, Final

SEPARATOR: Final = "%%"
MAX_RECORDS: Final = 100_000


def read_records(text: str, separator: str = SEPARATOR) -> dict[str, Any]:
    """``{"head": first line, "records": [{Key: value}, ...]}``; a record that is none has ``error`` and ``text``.

    The first line is the head when it stands alone or is followed by a record; a text whose first line is ``Key:
    value`` of a record by itself has none. Raises ValueError for more than 100,000 records.
    """
    blocks = _blocks(text, separator)
    if len(blocks) > MAX_RECORDS:
        raise ValueError(f"more than {MAX_RECORDS:,} records")
    head = ""
    if blocks and _is_head(blocks[0]):
        head = blocks[0].pop(0).strip()
        if not any(line.strip() for line in blocks[0]):
            del blocks[0]
    return {"head": head, "records": [_record(block) for block in blocks]}


def _blocks(text: str, separator: str) -> list[list[str]]:
    """The lines of each record; blank ones before it do not count."""
    blocks: list[list[str]] = [[]]
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if line.strip() == separator:
            blocks.append([])
        elif line.strip() or blocks[-1]:
            blocks[-1].append(line)
    return [block for block in blocks if any(line.strip() for line in block)]


def _is_head(block: list[str]) -> bool:
    """Whether the first line names the kind: ``APEL-summary-job-message: v0.4``, or whatever is no ``Key: value``."""
    name, colon, value = block[0].partition(":")
    return not colon or name.strip().endswith("message") or not value.strip()


def _record(lines: list[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            return {
                "error": f'line {number} of the record is no "Key: value": {line.strip()[:100]}',
                "text": "\n".join(lines),
            }
        if name.strip() in fields:
            return _unread(lines, f"{name.strip()[:100]} stands in the record twice")
        fields[name.strip()] = value.strip()
    return fields


def _unread(lines: list[str], error: str) -> dict[str, Any]:
    return {"error": error, "text": "\n".join(lines)}
