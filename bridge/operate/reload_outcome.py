"""What came of a reload: the rule set in force, or why everything stays as it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What the files say is in force; ``version`` is the rule set's, ``warnings`` one line each."""

    version: str
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ReloadRefused:
    """Everything stays as it was.

    ``problems`` are those of the files, one line each with its place; ``reasons`` are others, such as deliveries that
    wait for a destination that would go.
    """

    problems: str
    reasons: Sequence[str] = ()

    @property
    def text(self) -> str:
        """All of it, one line each."""
        return "\n".join([*filter(None, [self.problems]), *self.reasons])


ReloadOutcome: TypeAlias = Reloaded | ReloadRefused
