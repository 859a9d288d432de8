"""The newest messages of each log, kept in memory: who follows a log reads them without going to the file.

The file stays the truth: a message is kept once it is on disk, messages never change, and what is kept ends where the
log was when it was last written to. All of it is forgotten when another process wrote to the file.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Final

from broker.engines.texts import text_bytes
from broker.model import Message

_MOST_BYTES: Final = 1024 * 1024
_MOST_MESSAGES: Final = 1_000


class Tail:
    """Bounded over all logs together; the log that was not written to for longest gives way first."""

    def __init__(self) -> None:
        self._logs: OrderedDict[str, deque[Message]] = OrderedDict()
        self._ends: dict[str, int] = {}
        self._bytes = 0
        self._messages = 0

    def end_of(self, topic_uid: str) -> int | None:
        """Where a log ends, or None when it was not written to since that was forgotten."""
        return self._ends.get(topic_uid)

    def put(self, topic_uid: str, first: int, messages: Sequence[Message]) -> None:
        """Keep messages that are on disk, of which the first has the offset ``first``."""
        if self._ends.get(topic_uid) != first:
            self.forget(topic_uid)
        log = self._logs.setdefault(topic_uid, deque())
        self._logs.move_to_end(topic_uid)
        self._ends[topic_uid] = first + len(messages)
        log.extend(messages)
        self._messages += len(messages)
        self._bytes += sum(text_bytes(message.data) for message in messages)
        while self._bytes > _MOST_BYTES or self._messages > _MOST_MESSAGES:
            self._drop_oldest(next(iter(self._logs)))

    def read(self, topic_uid: str, offset: int, max_messages: int, max_bytes: int) -> list[Message]:
        """See Log.read; empty also when what is kept does not reach back to ``offset``."""
        log = self._logs.get(topic_uid)
        if not log or offset < log[0].offset:
            return []
        messages: list[Message] = []
        size_bytes = 0
        for place in range(offset - log[0].offset, len(log)):
            size_bytes += text_bytes(log[place].data)
            if len(messages) >= max_messages or (messages and size_bytes > max_bytes):
                break
            messages.append(log[place])
        return messages

    def forget(self, topic_uid: str) -> None:
        """Keep nothing of a log."""
        self._ends.pop(topic_uid, None)
        while topic_uid in self._logs:
            self._drop_oldest(topic_uid)

    def forget_all(self) -> None:
        """Keep nothing: the file may hold something else by now."""
        self._logs.clear()
        self._ends.clear()
        self._bytes = self._messages = 0

    def _drop_oldest(self, topic_uid: str) -> None:
        log = self._logs[topic_uid]
        if log:
            self._bytes -= text_bytes(log.popleft().data)
            self._messages -= 1
        if not log:
            del self._logs[topic_uid]
