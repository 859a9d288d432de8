"""Takes names of machines and people out of a bundle, the same name always in the same way (``scrub.py``).

What rule files and templates name stays, or rules would not match. State is left out, for its rows are named by what
they are of; a scrubbed bundle builds it again of its messages.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from pathlib import PurePath
from typing import Any, Final

import msgspec

from bridge.operate.bundle import Bundle
from bridge.operate.bundle_replay import rules_in
from bridge.operate.explain_message import MessageExplained
from rules.events.decode import AUTO, DecodeSpec, decode
from rules.language.sources import SourceFile, Sources
from rules.model import Incoming, Silence
from rules.ruleset import RuleSet
from rules.workbench.scrub import Scrubber

SOMEBODY: Final = "somebody"
_PEOPLE: Final = ("people", "who", "names")
_FOLDERS: Final = re.compile(r"^(sqlite:(?:///)?)?/(?:[^/]+/)+")


def scrub_bundle(bundle: Bundle) -> Bundle:
    """The bundle without names of machines and people. Raises ProblemsFound when its rules cannot be read."""
    sources = bundle.sources
    scrubber = Scrubber("\n".join(file.text for file in (*sources.files, *sources.templates)))
    rule_set, remarks = rules_in(bundle), list(bundle.remarks)
    for message in bundle.messages:
        scrubber.text(message.payload)  # a name that is learnt late stands in earlier messages too
    messages = [_message(scrubber, rule_set, message, remarks) for message in bundle.messages]
    decided = msgspec.structs.replace(bundle.explained, recomputed=None)  # with names of folders; replayed anyway
    explained = scrubber.value(msgspec.to_builtins(decided, enc_hook=str))
    return msgspec.structs.replace(
        bundle,
        subject=msgspec.structs.replace(bundle.subject, key=scrubber.text(bundle.subject.key)),
        scrubbed=True,
        sources=_sources(scrubber, sources),
        settings=_drop_folders(scrubber.value(bundle.settings)),
        silences=[_silence(scrubber, silence) for silence in bundle.silences],
        rows={},
        messages=messages,
        explained=msgspec.convert(explained, MessageExplained),
        remarks=[*(scrubber.text(remark) for remark in remarks), "names are made up; state is built of the messages"],
    )


def specs_of(rule_set: RuleSet, topic: str) -> Collection[DecodeSpec]:
    """Every way in which rules take the payloads of a topic apart."""
    specs = {rule.decode for rule in rule_set.rules if rule.decode is not None and rule.topics.covers(topic)}
    return specs | {rule_set.decode.get(topic, AUTO), AUTO}


def _message(scrubber: Scrubber, rule_set: RuleSet, message: Incoming, remarks: list[str]) -> Incoming:
    """A message with made-up names; without its payload where that is in a form in which none can be made up."""
    payload = scrubber.text(message.payload)
    for spec in specs_of(rule_set, message.topic):
        before = decode(message.payload, spec)
        if before.undecodable is None and decode(payload, spec).value != scrubber.value(before.value):
            remarks.append(
                f"the payload of {message.topic}:{message.offset} is left out: names in it cannot be made up"
            )
            payload = ""
            break
    attributes = {name: str(scrubber.value(text, name)) for name, text in message.attributes.items()}
    return replace(message, payload=payload, attributes=attributes)


def _sources(scrubber: Scrubber, sources: Sources) -> Sources:
    """Rule files and templates under their bare names, for folders tell of machines; tables as messages are."""
    return msgspec.structs.replace(
        sources,
        files=[SourceFile(file.name, file.name, file.text) for file in sources.files],
        templates=[SourceFile(file.name, PurePath(file.file).name, file.text) for file in sources.templates],
        tables={name: scrubber.value(table) for name, table in sources.tables.items()},
        rota=_rota(scrubber, scrubber.value(sources.rota)),
    )


def _rota(scrubber: Scrubber, value: Any, *, people: bool = False) -> Any:
    """A rota in which everybody who takes turns has a made-up name."""
    match value:
        case str() if people:
            return f"{'@' if value.startswith('@') else ''}{scrubber.value(value.removeprefix('@'), 'user')}"
        case dict():
            return {name: _rota(scrubber, inner, people=people or name in _PEOPLE) for name, inner in value.items()}
        case list() | tuple():
            return [_rota(scrubber, inner, people=people) for inner in value]
        case _:
            return value


def _drop_folders(value: Any) -> Any:
    """Settings without the folders in which files lie, for these tell of machines and people."""
    match value:
        case str():
            return _FOLDERS.sub(lambda match: match[1] or "", value)
        case dict():
            return {name: _drop_folders(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_drop_folders(inner) for inner in value]
        case _:
            return value


def _silence(scrubber: Scrubber, silence: Silence) -> Silence:
    return replace(silence, matchers=scrubber.value(dict(silence.matchers)), who=SOMEBODY, why="")
