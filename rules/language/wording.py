"""How rules word their posts, as values to compare: whether two rule sets say the same of the same event."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from rules.language.read_rule import POST_KEYS
from rules.language.sources import Sources, sources_from_bytes
from rules.ruleset import RuleSet
from rules.source.places import read_yaml

WORDING_KEYS: Final = ("name", "set", "send", "group", *POST_KEYS)
"""What of a rule decides how its posts read; the event, the phase and the time come from elsewhere."""
_FILES_BY_NAME: Final = re.compile(r"\{%-?\s*(?:include|import|extends|from)\s+[^\"'\s]")
"""A template that names another one by a variable: it may be any."""


def wordings(rule_set: RuleSet) -> dict[str, str]:
    """By rule, all texts that its posts are made with: two rules for which they are equal word an event the same."""
    sources = sources_from_bytes(rule_set.sources)
    tables = json.dumps(sources.tables, sort_keys=True, default=str) if sources.tables else ""
    by_rule: dict[str, str] = {}
    for rule in _rules_of(sources):
        text = json.dumps({key: rule[key] for key in WORDING_KEYS if key in rule}, sort_keys=True, default=str)
        by_rule[str(rule.get("name"))] = "\x00".join([text, tables, *_files_named(text, sources)])
    return by_rule


def _rules_of(sources: Sources) -> Iterator[dict[str, Any]]:
    for file in sources.files:
        value = read_yaml(file.text, file.file).value
        rules = value.get("rules") if isinstance(value, dict) else None
        yield from (rule for rule in rules or () if isinstance(rule, dict))


def _files_named(given: str, sources: Sources) -> Iterable[str]:
    """The template files that a text names, and those that they name: more than needed rather than too few."""
    waiting, left = [given], {template.name: template.text for template in sources.templates}
    named: dict[str, str] = {}
    while waiting:
        text = waiting.pop()
        everything = _FILES_BY_NAME.search(text) is not None
        for name in [name for name in left if everything or name in text]:
            named[name] = left.pop(name)
            waiting.append(named[name])
    return [f"{name}\x00{named[name]}" for name in sorted(named)]
