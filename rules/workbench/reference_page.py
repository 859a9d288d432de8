"""The reference of the rule language as a Markdown page, made of what the code itself knows.

``docs/rules-reference.md`` is this text; a test compares the two, and ``docs/generate_reference.py`` writes it anew.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from rules.conditions.operators import OPERATORS
from rules.deciding.match import MAX_ITEMS
from rules.events.decode import MAX_DECODED_BYTES
from rules.events.status import COLOR, EMOJI, meaning_of
from rules.language.read_quiet import OVERFLOWS, SILENCED_ENDS
from rules.language.read_send import MAX_STEPS, UNLESS
from rules.language.reference import RULE_KEYS
from rules.language.schema import rules_schema
from rules.rendering.budget import DEFAULT_LIMITS, LEAST_STEPS, MESSAGE_STEPS
from rules.rendering.filters import FILTERS
from rules.rendering.jinja_filters import ALL_FILTERS, ALL_TESTS, LEFT_OUT
from rules.rendering.template_files import SHIPPED, SUFFIX
from rules.ruleset import FORGET_AFTER_S, GROUP_MAX, MAX_KEYS
from rules.source.words import DURATION_UNITS_S, duration_text

PLACES: Final = {
    "$.status": "a JSONPath over the payload (with `for_each`, over the item); `$['url.history']` is a key with a dot",
    "attributes.NAME": "an attribute of the message",
    "message.id": "facts of the message: `id`, `offset`, `topic`, `project`, `publish_time`",
    "vars.NAME": "what the rule's `set:` made",
    "parent.PATH": "with `for_each`: the whole payload",
    "text": "the payload as text",
}
"""Where conditions, ``group.by`` and ``inhibited_by.same`` may look; one of each root."""

NAMES: Final = {
    "data": "the payload, or the item",
    "text": "the payload as text",
    "attributes": "the message's attributes",
    "message": "`id`, `offset`, `topic`, `project`, `publish_time`; `data`: the payload as it was published, "
    "base64 on an AMS wire, to pass it on unchanged (not for what was kept: groups, reminders)",
    "vars": "the values of `set:`; each also stands by its own name",
    "tables": "the lookup tables of bridge.yaml",
    "parent": "with `for_each`: the whole payload",
    "now": "the time of the decision",
    "on_call(NAME)": "who is on call in a `rota:` of bridge.yaml, as a text; empty when nobody is",
    "phase": "in posts: why it is told: message, firing, resolved, reminder, escalation, group, digest, "
    "flapping, calm, stale",
    "rule": "in posts: the rule's name",
    "key": "in posts: what `key:` made",
    "severity": "in posts: what `severity:` made",
    "incident": "in posts: `since` and `key` of the incident, or null",
    "events": "in posts of a rule with `group:`: all events, each with the names above, `phase`, `key` and a `note`",
    "still_firing": "in `body` of a rule with `group:` and `resolved:`: the group's events told before that still fire",
}
"""What templates see; those ``in posts`` only where a post is made."""

CLAUSES: Final = {
    "all": "a list or mapping of conditions that must all hold",
    "any": "a list or mapping of which one must hold",
    "not": "a condition that must not hold; true also when nothing is found",
    "undecodable": "`true`: a payload that could not be decoded as declared; other conditions never see one",
}
DECODINGS: Final = {
    "auto": "base64 if it is, then JSON if it is, else text; the default",
    "json": "JSON; on an AMS wire, base64 of JSON",
    "text": "the payload exactly as it came",
    "form": "an HTML form (`a=1&b=2`) as an object; JSON in its field `payload` is taken for the whole",
    "records": "lines of `Key: value` with `%%` between: `{head, records: [{Key: value}]}`, a broken one with `error`",
    "records:TEXT": "the same with TEXT on a line between them",
    "base64": "a wrapping: what is inside comes behind it, as in `base64+text`",
    "gzip": "a wrapping, as in `gzip+json`; base64 around it is taken off first",
    "smime": "a clear-signed mail: `{signer, valid, why, text}`, or beside these what the next word makes of the text",
    "smime:FOLDER": "the same, and only who was certified by an authority in FOLDER is `valid`",
    "avro:NAME": "an Avro datum without header, by a schema of bridge.yaml",
}
INTERVALS: Final = {
    "days": ("weekdays; a range may run over Sunday", "[mon-fri, sun]"),
    "times": ("the second excluded; `22:00-06:00` belongs to the day it begins on", '["09:00-17:00"]'),
    "months": ("names or numbers", "[jan-mar, 12]"),
    "days_of_month": ("from 1; `-1` is the last", "[1-7, -1]"),
    "years": ("or a range", "[2026-2028]"),
    "dates": ("days, or from one to another; without a year: every year", "[2026-05-01, 12-24..12-26]"),
    "timezone": ("UTC where it is not said", "Europe/Athens"),
    "calendar": ("within the events of one of `calendars:`", "downtimes"),
}
_HEAD: Final = """\
# Rule reference

Everything a rule file can say, one line each. This page is made from the code: `python docs/generate_reference.py`
writes it anew, and a test fails when it is out of date. To learn the language, read [the tutorial](rules.md) first.
"""


def reference_page(*, plugins: bool = False) -> str:
    """The whole page; with ``plugins`` also what those add that are installed here."""
    templates = (*_templates(), *(_plugins() if plugins else ()), *_shipped_templates())
    parts = (_HEAD, *_file(), *_rule(), *_conditions(), *templates, *_units(), *_tests(), *_cost())
    return "\n".join(_wrap(part).rstrip("\n") + "\n" for part in parts)


def _file() -> Iterator[str]:
    properties = rules_schema()["properties"]
    rows = [(f"`{key}`", shape.get("description", "")) for key, shape in properties.items()]
    yield "## A file"
    yield "Files are read in name order, rules act in file order. A file named `*_test.yaml` holds tests only."
    yield _table(("Key", "Is"), rows)


def _rule() -> Iterator[str]:
    yield "## A rule"
    yield "`name` and `send` (or `drop: true`) are needed; all else is optional."
    for chapter in dict.fromkeys(entry.chapter for entry in RULE_KEYS):
        yield f"### {chapter[0].upper()}{chapter[1:]}"
        rows = [
            (f"`{key_entry.name}`", key_entry.meaning, f"`{key_entry.example}`")
            for key_entry in RULE_KEYS
            if key_entry.chapter == chapter
        ]
        yield _table(("Key", "Meaning", "Example"), rows)
        if chapter == "where it goes":
            yield (
                f"A step of `escalate` (at most {MAX_STEPS}) has `after`, `to`, `unless` ({UNLESS[0]} or {UNLESS[1]}), "
                "`mention`, and what else the destination lets a `send` entry say. "
                "[Every corner](specification/escalation.md)."
            )
        if chapter == "keeping quiet":
            yield from _quiet_notes()


def _quiet_notes() -> Iterator[str]:
    rows = [(f"`{key}`", ", ".join(f"`{text}`" for text in inner)) for key, inner in _inner_keys().items()]
    yield "The keys inside of them:"
    yield _table(("Key", "Has"), rows)
    yield (
        f"Where nothing is said: `group.wait` 30s, `group.every` none, `group.max` {GROUP_MAX}, "
        f"`overflow` {OVERFLOWS[0]}, `forget_after` {duration_text(FORGET_AFTER_S)}, `max_keys` {MAX_KEYS}, "
        f"`silenced_ends` {SILENCED_ENDS[0]}. "
        "The first of these that says no keeps a send quiet: count, for, hours, silence, inhibition, dedupe, flapping, "
        "group, throttle."
    )


def _inner_keys() -> dict[str, list[str]]:
    """The keys of those quiet keys that hold a mapping."""
    properties = rules_schema()["$defs"]["rule"]["properties"]
    keys: dict[str, list[str]] = {}
    for entry in RULE_KEYS:
        shape = properties[entry.name]
        mapping = shape if "properties" in shape else shape.get("anyOf", [{}])[0]
        if entry.chapter == "keeping quiet" and "properties" in mapping:
            keys[entry.name] = list(mapping["properties"])
    return keys


def _conditions() -> Iterator[str]:
    yield "## Conditions"
    yield (
        "`match` and `resolved` are mappings whose lines must all hold: a place, and what must hold there. "
        "A value alone means equal, a list one of several. Of several values at a place one is enough. "
        'Comparison is typed: `"1"` is not `1`, and `true` is neither.'
    )
    yield "### Places"
    yield _table(("Place", "Is"), [(f"`{place}`", meaning) for place, meaning in PLACES.items()])
    yield "### Clauses"
    yield _table(("Clause", "Holds"), [(f"`{name}`", meaning) for name, meaning in CLAUSES.items()])
    yield "### Operators"
    rows = [
        (f"`{operator.name}`", operator.meaning, f"`{operator.example}`") for operator in OPERATORS.built_in.values()
    ]
    yield _table(("Operator", "Holds for", "Example"), rows)
    yield "### Decoding"
    yield (
        "`decode:` of a rule, or of a topic in bridge.yaml. Words are joined by `+` in the order in which the payload "
        f"is unpacked, to at most {MAX_DECODED_BYTES >> 20} MiB."
    )
    yield _table(("Word", "Is"), [(f"`{word}`", meaning) for word, meaning in DECODINGS.items()])


def _templates() -> Iterator[str]:
    yield "## Templates"
    yield (
        "Jinja in a sandbox. What an event says is escaped where it is printed, in text, title, fields and footer: it "
        "can neither ping nor forge a link. A name that is not there is an error; `| default('')` says what then."
    )
    yield "### Names"
    yield _table(("Name", "Is"), [(f"`{name}`", meaning) for name, meaning in NAMES.items()])
    yield "### Filters"
    for name, function in FILTERS.items():
        if name != "tojson":
            yield f"#### {_signature(name, function)}\n\n{inspect.getdoc(function) or ''}"
    ours = set(FILTERS)
    yield "### Filters and tests of Jinja"
    yield "Filters: " + _list(name for name in ALL_FILTERS.built_in if name not in ours) + "."
    yield "Tests: " + _list(name for name in ALL_TESTS if name.isidentifier()) + "."
    yield "Not there on purpose:"
    yield _table(("Filter", "Instead"), [(f"`{name}`", instead) for name, instead in LEFT_OUT.items()])
    yield "### Statuses"
    yield "What `emoji_for` and `status_color` know; words count in any case, and exit codes 0 to 3 too."
    yield _table(("Status", "Emoji", "Colour"), _statuses())


def _plugins() -> Iterator[str]:
    """The operators and filters that are not built in, each with the package it is of."""
    operators = [operator for name, operator in OPERATORS.items() if name not in OPERATORS.built_in]
    filters = [(name, function) for name, function in ALL_FILTERS.items() if name not in ALL_FILTERS.built_in]
    if operators or filters:
        yield "### Of plugins"
    if operators:
        rows = [
            (f"`{operator.name}`", operator.meaning, f"`{operator.example}`", OPERATORS.origin_of(operator.name))
            for operator in operators
        ]
        yield _table(("Operator", "Holds for", "Example", "Package"), rows)
    for name, function in filters:
        origin = ALL_FILTERS.origin_of(name)
        yield f"#### {_signature(name, function)}\n\nOf {origin}. {inspect.getdoc(function) or ''}".rstrip()


def _statuses() -> list[tuple[str, str, str]]:
    words = ("CRITICAL", "WARNING", "OK", "UNKNOWN", "MISSING", "DOWNTIME", "INFO", "ACKNOWLEDGED", "FLAPPING")
    return [(word, f"`{EMOJI[meaning_of(word)]}`", f"`{COLOR[meaning_of(word)]}`") for word in words]


def _shipped_templates() -> Iterator[str]:
    yield "## Shipped templates"
    yield (
        "Named by `template:`. A file of the same name in your own `templates` folder takes its place, and "
        "`{% include 'argo/status' %}` puts one into yours."
    )
    rows = [(f"`{name}`", opening) for name, opening in _openings(SHIPPED)]
    yield _table(("Template", "Shows"), rows)


def _openings(folder: Path) -> Iterator[tuple[str, str]]:
    """Each template with the comment it begins with."""
    for path in sorted(folder.rglob(f"*{SUFFIX}")):
        comment = re.match(r"\{#-?\s*(.*?)\s*-?#\}", path.read_text("utf-8"), re.DOTALL)
        yield path.relative_to(folder).as_posix().removesuffix(SUFFIX), comment[1] if comment else ""


def _cost() -> Iterator[str]:
    yield "## What many rules cost"
    yield (
        "A message meets only rules that can take it. They are looked up by what their `match` needs: a value or a "
        "list at a place, how a text begins (`like: CDI-*`, `starts_with`), or for `any:` one such thing of each part. "
        "So 10,000 rules that differ in a word cost a message no more than ten. A rule with nothing of the kind is "
        "asked of every message of its topics: one with `not`, `gt`, `regex`, `exists` or `when` alone, or without "
        "`match`. That is some microseconds each, so nine thousand of them are tens of milliseconds for every message; "
        "an equality beside them, or a `topic:` of their own, spares it."
    )
    yield (
        f"Bounds for what is hostile: {DEFAULT_LIMITS.steps:,} steps and {DEFAULT_LIMITS.output_runes:,} characters "
        f"for a template, {MESSAGE_STEPS:,} steps for all templates of a message (then {LEAST_STEPS:,} each), "
        f"{MAX_ITEMS:,} items of `for_each`. What goes beyond is told in the plain form, with a note, and counts."
    )


def _units() -> Iterator[str]:
    yield "## Durations and rates"
    yield (
        f"A duration is a number and a unit ({', '.join(DURATION_UNITS_S)}), such as `300ms`, `10m` or `1h30m`. "
        "A rate is a count and a duration: `20/1m`; `1/s` is `1/1s`."
    )
    yield "## Intervals"
    yield (
        "`intervals:` of bridge.yaml, for `hours` and `not_hours`: names with a mapping, all of which must fit, or a "
        "list of mappings, one of which must."
    )
    rows = [(f"`{key}`", meaning, f"`{example}`") for key, (meaning, example) in INTERVALS.items()]
    yield _table(("Key", "Is", "Example"), rows)


def _tests() -> Iterator[str]:
    defs = rules_schema()["$defs"]
    yield "## Tests"
    yield (
        "`tests:` of a rule file. Each runs on a clock and a state of its own; `expect` lists all sends, `[]` none. "
        "A text in `expect` must be equal; a matcher may say less."
    )
    expect = defs["case"]["properties"]["expect"]["items"]["properties"]
    for title, shapes in (
        ("A test", defs["case"]["properties"]),
        ("A message", defs["message"]["properties"]),
        ("An expected send", expect),
        ("A matcher", defs["matcher"]["anyOf"][1]["properties"]),
    ):
        texts = {key: shape.get("description", "") for key, shape in shapes.items()}
        yield f"**{title}** has: {_list(texts)}."
        rows = [(f"`{key}`", text) for key, text in texts.items() if text]
        if rows:
            yield _table(("Key", "Is"), rows)
    yield (
        "A matcher is `equals` (or the text itself), `contains`, `lacks` (a text or several), `regex`, or `snapshot`, "
        "a file beside the rules that `ams-bridge rules test --update` writes. Other keys of an expected send are "
        "those of the `send` entry. All `expect`ed sends must happen and no others. `quiet` lists sends that must be "
        "kept quiet: `rule`, `to`, `key`, `at`, and `by` what (`duplicate`, `group`, `throttle`, `flapping`, `count`, "
        "`for`, `hours`, `silence`, `inhibited`, `straggler`, `drop`); others may be quiet too. A test runs until its "
        "last message and the last thing that it expects, or `until`; times are kept to half a second."
    )


def _wrap(part: str) -> str:
    """A paragraph in lines of a page's width; tables, headings and what has lines already as they are."""
    if part.startswith(("|", "#")) or "\n" in part:
        return part
    return textwrap.fill(part, 118, break_long_words=False, break_on_hyphens=False)


def _signature(name: str, function: Any) -> str:
    parameters = list(inspect.signature(function).parameters.values())[1:]
    if name == "lookup":  # which is given the environment first
        parameters = parameters[1:]
    shown = ", ".join(
        parameter.name if parameter.default is inspect.Parameter.empty else f"{parameter.name}={parameter.default!r}"
        for parameter in parameters
    )
    return f"`{name}`" if not parameters else f"`{name}({shown})`"


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in row) + " |" for row in lines)


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))
