"""Which rule sets were current, since when and by whom; and the one that is held back although files say it.

Both are notes of the catalog, written in the transaction that changes which version is current. What is held is known
over restarts: a start does not put in force what was rolled back, nor what is still in shadow.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from bridge.routing.active_config import CURRENT
from bridge.routing.service_notes import put_note
from broker.broker import Broker
from broker.catalog_cache import CatalogCache
from broker.model import Put
from broker.records import RuleSetRecord, ServiceNote
from broker.tokens import random_uid
from rules.ruleset import RuleSet

HISTORY: Final = "ruleset-history"
HELD: Final = "held-ruleset"
_MOST: Final = 50
ChangedBy: TypeAlias = Literal["start", "reload", "promote", "rollback", "automatic rollback"]
"""What made a version current."""


class VersionChange(msgspec.Struct, frozen=True, kw_only=True):
    """A version became current at ``at_us``: by whom, and how."""

    version: str
    at_us: int
    who: str = ""
    how: str = ""


class HeldVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version that the files say and that is not in force: it is in shadow until ``until_us``, or was rolled back."""

    version: str
    kind: Literal["shadow", "rolled back"]
    at_us: int
    until_us: int = 0
    who: str = ""
    why: str = ""


def list_version_changes(cache: CatalogCache) -> list[VersionChange]:
    """Which versions became current, the newest first; what another release wrote otherwise is not known."""
    note = cache.find(ServiceNote, HISTORY)
    try:
        return msgspec.json.decode(note.value, type=list[VersionChange]) if note is not None else []
    except msgspec.MsgspecError:
        return []


def read_held(cache: CatalogCache) -> HeldVersion | None:
    """The version that is held back, if one is."""
    note = cache.find(ServiceNote, HELD)
    try:
        return msgspec.json.decode(note.value, type=HeldVersion) if note is not None and note.value else None
    except msgspec.MsgspecError:
        return None


def put_current(broker: Broker, version: str, who: str, how: ChangedBy) -> list[Put]:
    """The changes that make a version current, and enter it into the history."""
    change = VersionChange(version=version, at_us=broker.clock.wall_us(), who=who, how=how)
    history = [change, *list_version_changes(broker.cache)][:_MOST]
    return [
        put_note(broker, CURRENT, version),
        put_note(broker, HISTORY, msgspec.json.encode(history).decode()),
    ]


def put_held(broker: Broker, hold: HeldVersion | None) -> list[Put]:
    """The change that holds a version back, or none; nothing where that is so already."""
    if hold == read_held(broker.cache):
        return []
    return [put_note(broker, HELD, msgspec.json.encode(hold).decode() if hold is not None else "")]


def put_rule_set(broker: Broker, rule_set: RuleSet) -> list[Put]:
    """The change that keeps a rule set in the catalog; nothing where it is kept."""
    if broker.cache.find(RuleSetRecord, rule_set.version) is not None:
        return []
    now_us = broker.clock.wall_us()
    record = RuleSetRecord(
        uid=random_uid(broker.entropy),
        created_us=now_us,
        modified_us=now_us,
        version=rule_set.version,
        sources=rule_set.sources,
    )
    return [Put(rule_set.version, record, 0)]


def is_held(cache: CatalogCache, version: str) -> bool:
    """Whether this version is held back, and another one is current."""
    hold, note = read_held(cache), cache.find(ServiceNote, CURRENT)
    return hold is not None and hold.version == version and note is not None and note.value != version


def explain_held(hold: HeldVersion, version: str) -> str:
    """The files say what is held back, and another version is served."""
    if hold.kind == "shadow":
        return (
            f"rule set {hold.version} of the files is in shadow, and {version} is in force: "
            "`ams-bridge rules promote` puts it in force, `rules rollback` drops it"
        )
    why = f" ({hold.why})" if hold.why else ""
    return (
        f"rule set {hold.version} of the files was rolled back{why}, and {version} is in force: "
        "mend the files and reload; a reload as they are puts them in force again"
    )
