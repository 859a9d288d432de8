"""Which topics a rule hears: full names ``projects/P/topics/T``, and globs of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from rules.source.words import suggest

_FULL_NAME: Final = re.compile(r"projects/[^/]+/topics/[^/]+")
_GLOB: Final = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class TopicFilter:
    """The topics a rule hears; no pattern at all means every topic."""

    patterns: tuple[str, ...] = ()

    def covers(self, topic: str) -> bool:
        """Whether a message of ``topic`` (a full name) is for this rule."""
        return not self.patterns or any(fnmatchcase(topic, pattern) for pattern in self.patterns)


def select_covered(filters: Iterable[TopicFilter], topics: Iterable[str]) -> list[str]:
    """The topics among ``topics`` that some filter covers, each pattern looked at once and names not as globs."""
    patterns: set[str] = set()
    for topic_filter in filters:
        if not topic_filter.patterns:
            return list(topics)
        patterns.update(topic_filter.patterns)
    globs = {pattern for pattern in patterns if _GLOB.search(pattern)}
    names = patterns - globs
    return [topic for topic in topics if topic in names or any(fnmatchcase(topic, glob) for glob in globs)]


def topic_problem(pattern: str) -> str | None:
    """Why ``pattern`` can never name a topic, or None."""
    if _GLOB.search(pattern):
        if pattern.startswith(("projects/", "*", "?", "[")):
            return None
        return (
            f'"{pattern}" can never match a topic: topics are called projects/P/topics/T; '
            f'did you mean "projects/*/topics/{pattern}"?'
        )
    if not _FULL_NAME.fullmatch(pattern):
        name = pattern.strip("/").rsplit("/", 1)[-1] or "T"
        meant = re.fullmatch(r"/*projects?/([^/]+)/topics?/([^/]+)/*", pattern, re.IGNORECASE)
        if meant is not None:
            return f'"{pattern}" is no topic; write projects/{meant[1]}/topics/{meant[2]}'
        return (
            f'"{pattern}" is no topic; write its full name, such as projects/P/topics/{name}, '
            f'or a glob such as "projects/*/topics/{name}"'
        )
    return None


def topic_doubt(pattern: str, known: Collection[str]) -> str | None:
    """Why ``pattern`` names no topic of today, or None; ``known`` are those that exist, empty when nobody knows."""
    if not known or any(fnmatchcase(topic, pattern) for topic in known):
        return None
    return f'there is no topic "{pattern}" yet{suggest(pattern, known)}'
