"""Pages: the youngest first, everything on one page unless asked otherwise (ams-api.md section 4.2)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from bridge.api.api_errors import invalid_argument
from bridge.api.call import Call
from broker.records import CatalogRecord
from rules.source.bounds import int64_of

R = TypeVar("R", bound=CatalogRecord)

_MARK: Final = re.compile(r"(\d{1,20}):(.+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class RecordsPage(Generic[R]):
    """Some records, where the next ones begin ("" at the end), and how many there are in all."""

    records: Sequence[R]
    next_token: str
    total: int


def page_of(call: Call, records: Sequence[R]) -> RecordsPage[R]:
    """The page a request asks for out of records in the order of creation. Raises ApiError."""
    newest_first = records[::-1]
    size = _size(call.query("pageSize"))
    begin = _begin(call.query("pageToken") or call.query("nextPageToken"), newest_first)
    end = len(newest_first) if size <= 0 else min(begin + size, len(newest_first))
    next_token = _token(newest_first[end]) if end < len(newest_first) else ""
    return RecordsPage(newest_first[begin:end], next_token, len(newest_first))


def _size(text: str) -> int:
    if not text:
        return 0
    size = int64_of(text)
    if size is None:
        raise invalid_argument("Invalid page size")
    return size


def _begin(token: str, newest_first: Sequence[R]) -> int:
    """Where the token's record stands, or, when it is gone, the first one that is older."""
    if not token:
        return 0
    created_us, uid = _read(token)
    for index, record in enumerate(newest_first):
        if record.uid == uid or record.created_us < created_us:
            return index
    return len(newest_first)


def _token(record: CatalogRecord) -> str:
    return base64.b64encode(f"{record.created_us}:{record.uid}".encode()).decode()


def _read(token: str) -> tuple[int, str]:
    try:
        mark = _MARK.fullmatch(base64.b64decode(token.replace(" ", "+"), validate=True).decode())
    except (binascii.Error, ValueError) as wrong:
        raise invalid_argument("Invalid page token") from wrong
    if mark is None:
        raise invalid_argument("Invalid page token")
    return int(mark[1]), mark[2]
