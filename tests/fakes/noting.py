"""Values that note on which threads they are looked at."""

from __future__ import annotations

import threading
from collections.abc import ItemsView
from typing import Self


class NotingPairs(dict[str, str]):
    """Attributes that note on which threads they are looked at."""

    def __init__(self) -> None:
        super().__init__(a="b")
        self.threads: set[int] = set()

    def __bool__(self) -> bool:
        self.threads.add(threading.get_ident())
        return True

    def items(self) -> ItemsView[str, str]:  # type: ignore[override]
        """What a plain dict gives."""
        self.threads.add(threading.get_ident())
        return super().items()


class NotingText(str):  # noqa: SLOT000 - it notes
    """A text that notes on which threads pages are drawn with it."""

    threads: set[int]

    def __new__(cls, text: str) -> Self:
        made = super().__new__(cls, text)
        made.threads = set()
        return made

    def __html__(self) -> str:
        self.threads.add(threading.get_ident())
        return str(self)
