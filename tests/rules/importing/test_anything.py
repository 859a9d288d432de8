"""Whatever stands in a configuration: rules that load, or problems with their places; never a crash."""

from __future__ import annotations

import contextlib
import copy
import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.importing.alertmanager import convert
from rules.source.places import read_yaml
from rules.source.problems import ProblemsFound
from tests.rules.importing.builders import a_rule_set

CONFIGS = [
    read_yaml(path.read_text(), path.name).value for path in sorted((Path(__file__).parent / "data").glob("*.yml"))
]
WORDS = st.sampled_from(
    ["", "null", "{{ .X }}", "a=b", "5m", "...", "x:y", "yes", "24:00", "é/ü", "a\nb", "a" * 300, "Local"]
)
SCALARS = st.one_of(WORDS, st.integers(-5, 5), st.booleans(), st.none(), st.text(max_size=5))
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=2), st.dictionaries(WORDS, SCALARS, max_size=2))


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every path of a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, member in inner for place in places(member, (*path, key)))]


def changed(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    """A copy with another value at a path."""
    if not path:
        return new
    whole = copy.deepcopy(value)
    at = whole
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = new
    return whole


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from(CONFIGS))
def test_a_configuration_with_anything_in_it_is_converted_or_refused(data: st.DataObject, config: Any) -> None:
    for _ in range(data.draw(st.integers(1, 2))):
        config = changed(config, data.draw(st.sampled_from(places(config))), data.draw(VALUES))
    text = json.dumps(config)
    try:
        converted = convert(text)
    except ProblemsFound:
        return
    a_rule_set(converted)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_refused_or_converted(text: str) -> None:
    with contextlib.suppress(ProblemsFound):
        convert(text)
