"""What other rules would tell, and which were in force, as plain records; and who in the daemon is asked for it."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from bridge.operate.reload_outcome import ReloadOutcome, ReloadRefused


class PreviewSample(msgspec.Struct, frozen=True, kw_only=True):
    """A post that would be another one: where it comes from, to whom, and the lines that differ."""

    kind: str
    origin: str
    destination: str
    diff: list[str]
    why: str


class RulePreview(msgspec.Struct, frozen=True, kw_only=True):
    """How many posts of a rule there were and would be, and how they differ."""

    rule: str
    before: int
    now: int
    now_sends: int
    no_longer_sends: int
    text_changed: int
    samples: list[PreviewSample]


class ReloadPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What the files would have told of the messages since ``since`` in place of the rules in force.

    ``differences`` are posts, ``rules`` those with any. ``undecidable`` are messages that only the new rules cannot
    decide. ``complete`` is false where not all messages of that time were tried. ``texts`` are the lines of rule files
    and templates that differ.
    """

    old_version: str
    new_version: str
    since: str
    messages: int
    complete: bool
    differences: int
    undecidable: int
    rules: list[RulePreview]
    texts: list[str]

    @property
    def tells_otherwise(self) -> bool:
        """Whether anything would have been told otherwise."""
        return bool(self.differences or self.undecidable)


class VersionView(msgspec.Struct, frozen=True, kw_only=True):
    """A version that became current: when, by whom and how; ``kept`` when it can be put in force again."""

    version: str
    at: str
    who: str
    how: str
    kept: bool


class HeldView(msgspec.Struct, frozen=True, kw_only=True):
    """A version that the files say and that is not in force: in shadow, or rolled back.

    In shadow ``until`` says when it comes into force; ``messages``, ``differences`` and ``undecidable`` are what was
    seen since it began, null where another node counts. ``before`` is how much the look back differed.
    """

    version: str
    kind: Literal["shadow", "rolled back"]
    at: str
    until: str | None
    who: str
    why: str
    messages: int | None
    differences: int | None
    undecidable: int | None
    rules: list[RulePreview]


class VersionsPage(msgspec.Struct, frozen=True, kw_only=True):
    """The version in force, what is held back, and which became current, the newest first."""

    in_force: str
    held: HeldView | None
    versions: list[VersionView]


class RuleVersionAnswer(msgspec.Struct, frozen=True):
    """The version that is in force now."""

    version: str


class RuleChanging(Protocol):
    """The daemon's part that brings other rules in force, step by step."""

    async def reload(self, who: str, *, confirmed: bool = False) -> ReloadOutcome:
        """Take up the files, as far as the settings let it go at once."""

    async def preview(self) -> ReloadPreview | ReloadRefused:
        """What the files would have told otherwise, or why they cannot be read. Raises StoreError."""

    async def promote(self, who: str) -> str:
        """Put in force what is in shadow, and give its version. Raises InvalidInput, StoreError."""

    async def roll_back(self, who: str, version: str = "") -> str:
        """Put a version of before in force, or drop the shadow; gives the version in force. Raises InvalidInput."""

    def show_versions(self) -> VersionsPage:
        """The versions as they stand."""
