"""Which topics a rule hears: full names ``projects/P/topics/T``, and globs of them."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from rules.words import suggest

_FULL_NAME: Final = re.compile(r"projects/[^/]+/topics/[^/]+")
_GLOB: Final = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics a rule hears; no pattern at all means every topic."""

    patterns: tuple[str, ...] = ()

    def covers(self, topic: str) -> bool:
        """Whether a message of ``topic`` (a full name) is for this rule."""
        return not self.patterns or any(fnmatchcase(topic, pattern) for pattern in self.patterns)


def topic_problem(pattern: str, known: Collection[str]) -> str | None:
    """Why ``pattern`` cannot name a topic, or None; ``known`` are the topics that exist, empty when nobody knows."""
    if _GLOB.search(pattern):
        if pattern.startswith(("projects/", "*", "?", "[")):
            return None
        return (
            f'"{pattern}" can never match a topic: topics are called projects/P/topics/T; '
            f'did you mean "projects/*/topics/{pattern}"?'
        )
    if not _FULL_NAME.fullmatch(pattern):
        name = pattern.strip("/").rsplit("/", 1)[-1] or "T"
        return (
            f'"{pattern}" is no topic; write its full name, such as projects/P/topics/{name}, '
            f'or a glob such as "projects/*/topics/{name}"'
        )
    if known and pattern not in known:
        return f'no topic "{pattern}"{suggest(pattern, known)}'
    return None
