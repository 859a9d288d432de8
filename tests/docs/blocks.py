"""The YAML blocks of a page, told apart by their first line, and read by the readers of the product."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from bridge.destinations.destination_kinds import KINDS, Tools
from bridge.destinations.kit.http_client import make_client
from bridge.settings.model import Settings
from bridge.settings.settings_file import read_settings
from bridge.sources.source_kinds import KINDS as SOURCE_KINDS
from broker.clock import ManualClock
from rules.language.read import read_rules
from rules.language.read_rule import RULE_KEYS
from rules.language.sources import World
from rules.model import DestinationFacts
from rules.ruleset import RuleSet
from rules.source.places import read_yaml

Kind: TypeAlias = Literal["rule file", "rule", "settings", "alertmanager", "grafana"]
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_REFERENCE = re.compile(r"\$\{(credential|file|env):([^}]+)\}")
MARKS: Mapping[str, Kind] = {
    "# rules.d/": "rule file",
    "# in a rule": "rule",
    "# bridge.yaml": "settings",
    "# alertmanager.yml": "alertmanager",
    "# grafana.yaml": "grafana",
}
_HOOK = "https://hooks.example.org/made-up"
_MADE_UP = {"apprise": "json://hooks.example.org", "database": "sqlite:////var/lib/made-up.db"}
"""What secrets hold for kinds whose address is no web address."""
_USUAL = frozenset({"channel", "username", "icon_emoji", "priority"})
ENVIRONMENT = {"AMS_BRIDGE_TOKEN": "a-token", "PAGER_URL": _HOOK, "PAGER_TOKEN": "a-token"}


@dataclass(frozen=True, slots=True)
class Block:
    """One YAML block. ``marked`` is what its first line says that it is, None when it says nothing."""

    page: str
    line: int
    text: str
    marked: Kind | None
    kind: Kind

    @property
    def name(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    """The YAML blocks of a page in order. A block that is none of the kinds fails the test that asks."""
    text = page.read_text()
    for found in _FENCE.finditer(text):
        if found[2] not in ("yaml", "yml"):
            continue
        body = "\n".join(line.removeprefix(found[1]) for line in found[3].split("\n"))
        line = text.count("\n", 0, found.start()) + 2
        marked = next((kind for mark, kind in MARKS.items() if body.startswith(mark)), None)
        yield Block(page.name, line, body, marked, _kind(body, f"{page.name}:{line}"))


def _kind(body: str, name: str) -> Kind:
    document = read_yaml(body, name)
    assert document.problems == (), document.problems
    keys = set(document.value)
    if keys & {"rules", "tests"} and not isinstance(document.value.get("rules"), str):
        return "rule file"
    if "route" in keys:
        return "alertmanager"
    if "policies" in keys:
        return "grafana"
    if keys <= set(Settings.model_fields):
        return "settings"
    if _section(document.value):
        return "settings"
    assert keys <= set(RULE_KEYS), f"{name}: neither a rule file, nor settings, nor keys of a rule: {keys}"
    return "rule"


def _section(value: Mapping[str, Any]) -> str:
    """The section of bridge.yaml whose named entries these are, or ""."""
    types = {one.get("type") if isinstance(one, dict) else None for one in value.values()}
    kinds: Mapping[str, Mapping[str, Any]] = {"destinations": KINDS, "sources": SOURCE_KINDS}
    return next((section for section, known in kinds.items() if types <= set(known)), "")


def settings_of(block: Block, folder: Path) -> Settings:
    """The settings of a block, with every secret it names put where it asks for it."""
    made_up = next((url for kind, url in _MADE_UP.items() if f"type: {kind}" in block.text), _HOOK)
    for _, name in (one for one in _REFERENCE.findall(block.text) if one[0] == "credential"):
        (folder / name).write_text(made_up)
    text = re.sub(r"\$\{file:[^}]+\}", made_up, block.text)
    section = _section(read_yaml(block.text, block.name).value)
    if section:
        text = f"{section}:\n" + "\n".join(f"  {line}" for line in text.split("\n"))
    path = folder / "bridge.yaml"
    path.write_text(text)
    return read_settings(path, ENVIRONMENT, folder)


async def world_of(blocks: list[Block], folder: Path) -> World:
    """What the rules of a page may name: all that its settings name together."""
    facts: dict[str, DestinationFacts] = {}
    named: dict[str, dict[str, Any]] = {"intervals": {}, "rota": {}, "calendars": {}}
    for block in blocks:
        if block.kind != "settings":
            continue
        settings = settings_of(block, folder)
        for name, config in settings.destinations.items():
            destination = KINDS[config.type].build(name, config, Tools(ManualClock(), make_client))
            facts[name] = destination.facts
            await destination.close()
        for section, members in named.items():
            members |= getattr(settings, section)
    return World(
        destinations=facts or _named_by(blocks),
        intervals=named["intervals"],
        rota=named["rota"],
        calendars=tuple(named["calendars"]),
    )


def _named_by(blocks: list[Block]) -> dict[str, DestinationFacts]:
    """For pages that show no settings: the destinations their rules send to, by name."""
    files = [read_yaml(block.text, block.name).value for block in blocks if block.kind == "rule file"]
    rules = [rule for file in files for rule in file.get("rules", [])]
    names = {rule["send"] for rule in rules if isinstance(rule.get("send"), str)}
    names |= {
        name for rule in rules if isinstance(rule.get("send"), list) for name in rule["send"] if isinstance(name, str)
    }
    names |= {step["to"] for rule in rules for step in rule.get("escalate", [])}
    return {name: DestinationFacts(name=name, kind="inbox", overrides=_USUAL) for name in names}


def rules_of(block: Block, world: World) -> RuleSet:
    """The rules of a block; keys of a rule become one, sent to the first destination."""
    text = block.text
    if block.kind == "rule":
        lines = [f"    {line}" if line else "" for line in text.split("\n")]
        send = "" if re.search("^(send|drop):", text, re.MULTILINE) else f"    send: {next(iter(world.destinations))}\n"
        text = f"topic: projects/OPS/topics/checks\nrules:\n  - name: example\n{send}" + "\n".join(lines)
    return read_rules([(block.name, text)], world)
