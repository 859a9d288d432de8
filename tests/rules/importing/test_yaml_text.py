"""What is written is read back as it was."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.importing.yaml_text import comment, scalar, yaml_lines
from rules.source.places import read_yaml

WORDS = [
    "on", "no", "null", "~", "true", "1", "0123", "1:30", "1e3", "0x10", "a: b", "a #b", "- a", "[a", "{a}", "a'b",
    'say "x"', "$.labels['x.y']", "$.alerts[*]", "{{ data.x }}", "a\nb", "\n", " a", "a ", "", "ΑΘΗΝΑ", "🙂", "a\\d",
    "\x85", "a\tb", "- ", "*a", "&a",
]  # fmt: skip
TEXTS = st.one_of(st.sampled_from(WORDS), st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
VALUES = st.recursive(
    st.one_of(TEXTS, st.integers(-9999, 9999), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4))
def test_a_mapping_is_read_back_as_it_was(value: dict[str, Any]) -> None:
    document = read_yaml("\n".join(yaml_lines(value)) + "\n", "written.yaml")
    assert (document.value, document.problems) == (value, ())


def test_small_things_stand_in_one_line_and_large_ones_below_each_other() -> None:
    long = {"first": "a" * 60, "second": "b" * 60}
    assert list(yaml_lines({"small": {"a": [1, "b"]}, "large": long})) == [
        "small: {a: [1, b]}",
        "large:",
        f"  first: {'a' * 60}",
        f"  second: {'b' * 60}",
    ]


def test_quotes_stand_only_where_they_must() -> None:
    assert [scalar(word) for word in ("30s", "$.labels.a", "no", "5", "a: b", 'a="b"')] == [
        "30s", "$.labels.a", "no", '"5"', '"a: b"', "'a=\"b\"'"
    ]  # fmt: skip
    assert (scalar("$.alerts[*]"), scalar("$.alerts[*]", alone=True)) == ('"$.alerts[*]"', "$.alerts[*]")


def test_a_comment_is_broken_between_words() -> None:
    assert [len(line) <= 110 and line.startswith("  # ") for line in comment("word " * 60, 2)] == [True] * 3
