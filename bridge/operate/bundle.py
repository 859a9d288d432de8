"""A repro bundle: all that a decision rested on, without secrets, so that it can be made again anywhere.

What stands in it is decided in docs/specification/repro-bundle.md. ``bundle_making.py`` collects one,
``bundle_secrets.py`` and ``bundle_scrubbing.py`` take out what must not be in it, ``bundle_replay.py`` makes the
decision again.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from bridge.operate.explain_message import MessageExplained
from rules.language.sources import Sources
from rules.model import DestinationFacts, Incoming, Silence, StateValue

BUNDLE_FORMAT: Final = 1
"""The form in which bundles are written; another one is not read."""


class BundleSubject(msgspec.Struct, frozen=True, kw_only=True):
    """What a bundle is about: the message, and the delivery or incident by which somebody asked for it.

    ``rule`` and ``key`` are those of the delivery or incident, "" for a message.
    """

    asked: str
    topic: str
    offset: int
    delivery: str = ""
    incident: str = ""
    rule: str = ""
    key: str = ""


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """Rules, settings, the messages and state that led to a decision, and what was decided and tried.

    ``version`` is the rule set in force, ``versions`` those that decided then. ``now_us`` is when it was made, which is
    also when it is decided again. ``rows`` is the state that the subject meets, ``key_counts`` how many rows each rule
    holds. ``messages`` are the subject and what led there, the oldest first. ``remarks`` say what is missing or other.
    """

    format: int
    now_us: int
    release: str
    subject: BundleSubject
    version: str
    versions: list[str]
    scrubbed: bool
    remarks: list[str]
    sources: Sources
    settings: dict[str, Any]
    destinations: list[DestinationFacts]
    silences: list[Silence]
    key_counts: dict[str, int]
    rows: dict[str, StateValue]
    messages: list[Incoming]
    explained: MessageExplained
