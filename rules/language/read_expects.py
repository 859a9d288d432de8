"""Reads ``expect:`` of a rule: how often each key is to be heard, and which keys are expected before they ever came."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from rules.deciding.quiet.rows import shorten_key
from rules.language.form import Form, describe_value
from rules.ruleset import Expects
from rules.source.words import duration_s, duration_text, hint, suggest

MOST_EXPECTED: Final = 20_000
SHORTEST_EVERY_S: Final = 1.0
ALONE: Final = ("resolved", "dedupe", "state", "flapping", "for", "count")
"""Keys that say of messages what ``expect`` says of their absence."""
DEFAULT_TEXT: Final = "**{{ key }}** {{ 'is missing' if phase != 'resolved' else 'is back' }}"
"""What a rule with ``expect:`` says that has no text: the last message of a key says how it was, not how it is."""


def read_expects(form: Form, tables: Mapping[str, Any]) -> Expects | None:
    """The rule's ``expect:``."""
    if "expect" not in form:
        return None
    for key in ALONE:
        if key in form:
            text = f"{key} has no place beside expect:, for which the next message is the end"
            form.report((key,), text, at_key=True)
    expect_form = form.form(("expect",), "expect", "expect must be a mapping, such as {every: 10m, grace: 2m}")
    expect_form.allow_only(("every", "grace", "keys"))
    every_s = expect_form.read("every", _every_s, None) if expect_form.require("every") else None
    grace_s = expect_form.read("grace", duration_s, 0.0)
    keys = _keys(expect_form, tables) if "keys" in expect_form else None
    if every_s is None:
        return None
    digest = hashlib.sha256("\0".join(keys or ()).encode(errors="surrogatepass")).hexdigest()[:16]
    return Expects(every_s, grace_s, keys, digest, frozenset(keys or ()))


def _keys(form: Form, tables: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys of a list, or those of a table of bridge.yaml."""
    value, keys = form.value["keys"], form.value["keys"]
    if isinstance(value, str):
        if value not in tables:
            listed = hint(suggest(value, tables), f"it has: {', '.join(sorted(tables)) or 'none'}")
            form.report(("keys",), f'no table "{value}" in bridge.yaml{listed}; a list of keys is written [web1, web2]')
            return ()
        keys = list(tables[value])
    if not isinstance(keys, list) or not keys:
        form.report(("keys",), f"keys must be a list of keys, or the name of a table, not {describe_value(value)}")
        return ()
    wrong = next((key for key in keys if not isinstance(key, str) or not key.strip()), None)
    if wrong is not None or len(keys) > MOST_EXPECTED:
        why = f"a key is a text, not {describe_value(wrong)}" if wrong is not None else f"they are {len(keys):,}"
        form.report(("keys",), f"keys must be texts, {MOST_EXPECTED:,} at most; {why}")
        return ()
    return tuple(sorted({shorten_key(key.strip()) for key in keys}))


def _every_s(value: object) -> float:
    seconds = read_positive_s(value)
    if seconds < SHORTEST_EVERY_S:
        raise ValueError(f"{describe_value(value)} is too often; the shortest is {duration_text(SHORTEST_EVERY_S)}")
    return seconds


def read_positive_s(value: object) -> float:
    """A duration that is not nothing, in seconds. Raises ValueError."""
    seconds = duration_s(value)
    if seconds <= 0:
        raise ValueError(f"{describe_value(value)} is no time at all; leave the key out instead")
    return seconds
