from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.source.places import Document, read_file, read_yaml, wrap_unplaced
from rules.source.problems import Place

RULES = """\
topic: projects/ARGO/topics/alarms
rules:
  - name: page-cdi
    match:
      $.type: [endpoint, service]
      $['url.history']: {exists: true}
    text: |
      one
        {{ two }}
"""


def read(text: str) -> Document:
    return read_yaml(text, "a.yaml")


def the_value(text: str) -> Any:
    document = read(text)
    assert document.problems == ()
    return document.value


def the_problem(text: str) -> str:
    (problem,) = read(text).problems
    return str(problem)


@pytest.mark.parametrize(
    "word",
    [
        "on",
        "off",
        "yes",
        "no",
        "y",
        "1:30",
        "0123",
        "-012",
        "00.5",
        "2026-01-01",
        "1_000",
        "0b11",
        "=",
        "1.2.3",
        "+",
        ".",
    ],
)
def test_words_that_are_no_core_scalars_stay_text(word: str):
    assert the_value(f"- {word}\n") == [word]


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-7", -7),
        ("+7", 7),
        ("0o17", 15),
        ("0x1F", 31),
        ("1.5", 1.5),
        ("0.5", 0.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        (".inf", float("inf")),
        ("!!str 5", "5"),
        ("!!float 5", 5.0),
        ('"true"', "true"),
        ("'1'", "1"),
    ],
)
def test_core_scalars_are_read_by_their_type(word: str, value: object):
    (read_value,) = the_value(f"- {word}\n")
    assert read_value == value
    assert type(read_value) is type(value)


def test_keys_are_text_as_written():
    assert the_value("on: 1\ntrue: 2\n404: 3\n1.0: 4\nnull: 5\n") == {"on": 1, "true": 2, "404": 3, "1.0": 4, "null": 5}


def test_values_and_keys_have_places():
    document = read(RULES)
    assert document.problems == ()
    assert document.place_of(("rules", 0, "match", "$.type")) == Place("a.yaml", 5, 15)
    assert document.key_place_of(("rules", 0, "match", "$.type")) == Place("a.yaml", 5, 7)
    assert document.place_of(("rules", 0, "match", "$.type", 1)) == Place("a.yaml", 5, 26)
    assert document.place_of(("rules", 0)) == Place("a.yaml", 3, 5)
    assert document.place_of(()) == Place("a.yaml", 1, 1)


def test_a_path_with_brackets_needs_no_quotes_as_a_key_of_its_own_line():
    assert "$['url.history']" in read(RULES).value["rules"][0]["match"]


def test_what_is_missing_has_the_place_of_what_should_hold_it():
    assert read(RULES).place_of(("rules", 0, "send", 0, "to")) == Place("a.yaml", 3, 5)


def test_a_place_inside_a_block_text_counts_its_lines():
    document = read(RULES)
    assert document.place_inside(("rules", 0, "text"), 2, 3) == Place("a.yaml", 9, 3)
    assert document.place_inside(("topic",), 1, 5) == Place("a.yaml", 1, 12)


def test_a_place_inside_a_text_or_key_in_quotes_does_not_count_the_quote():
    document = read("\"$.a b\": 'x {{ y }}'\nc: 1\n")
    assert document.place_inside(("$.a b",), 1, 3) == Place("a.yaml", 1, 13)
    assert document.place_in_key(("$.a b",), 4) == Place("a.yaml", 1, 5)
    assert document.place_in_key(("c",), 1) == Place("a.yaml", 2, 1)


def test_a_value_from_no_file_has_the_place_of_its_name():
    assert wrap_unplaced({"a": 1}, "silence s1").place_of(("a",)) == Place("silence s1", 1, 1)


def test_all_places_can_be_walked():
    document = read("a: [1, {b: 2}]\n")
    assert dict(document.places) == {
        (): Place("a.yaml", 1, 1),
        ("a",): Place("a.yaml", 1, 4),
        ("a", 0): Place("a.yaml", 1, 5),
        ("a", 1): Place("a.yaml", 1, 8),
        ("a", 1, "b"): Place("a.yaml", 1, 12),
    }
    assert len(document.places) == 5
    with pytest.raises(KeyError):
        document.places["nowhere",]


def test_columns_count_characters_and_not_bytes():
    assert read("é: [ü, x]\n").place_of(("é", 1)) == Place("a.yaml", 1, 8)


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n", "\ufeff"])
def test_an_empty_file_is_none(text: str):
    assert the_value(text) is None


def test_a_key_that_stands_twice_names_both_places_and_the_first_is_kept():
    document = read("a: 1\nb:\n  c: 1\n  c: 2\n")
    assert [str(problem) for problem in document.problems] == [
        'a.yaml:4:3  b  the key "c" stands twice; the first is at a.yaml:3:3'
    ]
    assert document.value == {"a": 1, "b": {"c": 1}}


def test_a_key_in_quotes_and_one_without_are_the_same_key():
    assert "stands twice" in the_problem('1: a\n"1": b\n')


def test_all_problems_of_a_file_are_told_at_once():
    assert len(read("a: 1\na: 2\n<<: {x: 1}\nb: !include other.yaml\nc: *nowhere\n").problems) == 4


def test_a_merge_key_is_refused():
    document = read("base: &base {x: 1}\nrule:\n  <<: *base\n  y: 2\n")
    assert "a.yaml:3:3" in str(document.problems[0])
    assert 'a merge key "<<" is not read here' in str(document.problems[0])
    assert document.value["rule"] == {"y": 2}


def test_a_quoted_merge_key_is_an_ordinary_key():
    assert the_value("'<<': 1\n") == {"<<": 1}


def test_aliases_repeat_a_value_and_keep_its_inner_places():
    document = read("a: &list [x, y]\nb: *list\n")
    assert document.value == {"a": ["x", "y"], "b": ["x", "y"]}
    assert document.place_of(("b",)) == Place("a.yaml", 2, 4)
    assert document.place_of(("b", 1)) == Place("a.yaml", 1, 14)


def test_an_alias_bomb_is_refused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "unfold to more than" in the_problem("\n".join(lines))


def test_an_alias_ladder_that_grows_deep_is_refused():
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 120)]
    assert "nested deeper" in the_problem("\n".join(lines))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &x [*x]\n", 'a.yaml:1:8  a[0]  the alias "*x" stands inside its own anchor'),
        ("a: *x\n", 'a.yaml:1:4  a  no anchor "&x" stands above'),
        ("a: &x 1\nb: &x 2\n", 'a.yaml:2:4  b  the anchor "&x" is set twice'),
        ("a: &x 1\n*x : 2\n", "a.yaml:2:1"),
        ("[" * 150, "nested deeper than 100 levels"),
        ("{a: " * 150, "nested deeper than 100 levels"),
        ("a: 1\n---\nb: 2\n", "a.yaml:2:1  a second document begins here"),
        ("?\n: x\n", 'a key is missing before this ":"'),
        ("{: x}\n", "a.yaml:1:2  a key or a value is missing here"),
        ("? [a, b]\n: x\n", "a key must be a text"),
        ("a: !!int x\n", '"x" is not what its tag !!int says'),
        ("a: !!python/object:os.system x\n", 'the tag "!!python/object:os.system" is not known'),
        ("a: !!set {x}\n", 'the tag "!!set" is not known'),
        ("a: x\x00y\n", "a.yaml:1:5  the character U+0000 cannot stand in a YAML file"),
        ("a: b\n\tc: d\n", "a.yaml:2:1  a tab cannot indent; use spaces"),
        ("a:\n\t- b\n", "a.yaml:2:1  a tab cannot indent; use spaces"),
        ("a: @here\n", 'a.yaml:1:4  a value cannot begin with "@"; put it in quotes'),
        ("a: b: c\n", 'a.yaml:1:5  no ": " can stand here'),
        ("a: 'x\nb: 1\n", "a.yaml:1:4  the quote opened here is never closed"),
        ("a: {b: 1\n", 'a.yaml:1:4  the "{" opened here is never closed'),
        ("a: [b, c\n", 'a.yaml:1:4  the "[" opened here is never closed'),
        ("a: [b] c\n", "a.yaml:1:8  this does not fit what began at line 1"),
        ("a:\n  b: 1\n c: 2\n", "a.yaml:3:2  this does not fit what began at line 1"),
        ("- a\nb: 1\n", "a.yaml:2:1  this does not fit what began at line 1"),
        ('a: "^\\d+"\n', "in 'single quotes' it is itself"),
        ("a: 1\nb\nc: 2\n", 'a ":" is missing'),
        ("%x\n", "not YAML"),
    ],
)
def test_a_broken_file_says_where_and_what_would_help(text: str, words: str):
    assert words in the_problem(text)


@pytest.mark.parametrize(
    ("text", "place", "spelled"),
    [
        ("m: {$['url.history']: x}\n", "a.yaml:1:5", "\"$['url.history']\""),
        ("m: {$.alerts[0].status: firing}\n", "a.yaml:1:5", '"$.alerts[0].status"'),
        ("by: [$.a, $.b['c d']]\n", "a.yaml:1:11", "\"$.b['c d']\""),
        ("m: {a: 1, b: {$.x[*].y: 1}}\n", "a.yaml:1:15", '"$.x[*].y"'),
    ],
)
def test_a_path_with_brackets_inside_braces_is_told_to_be_quoted(text: str, place: str, spelled: str):
    problem = the_problem(text)
    assert "a path with brackets must be in quotes" in problem
    assert problem.startswith(place)
    assert spelled in problem


@pytest.mark.parametrize(
    "text",
    ["text: {{ data.x }}\n", "text: {{ data.x }} is down\n", "a:\n  - {{ x }}\n", "text: {% if x %}y{% endif %}\n"],
)
def test_a_template_without_quotes_is_told_to_be_quoted(text: str):
    assert 'a value that begins with "{{" must be in quotes' in the_problem(text)


def test_a_file_is_read_with_and_without_a_byte_order_mark(tmp_path: Path):
    (tmp_path / "a.yaml").write_bytes("\ufeffa: ü\n".encode())
    assert read_file(tmp_path / "a.yaml").value == {"a": "ü"}


def test_a_file_that_is_no_utf8_names_the_byte_and_its_place(tmp_path: Path):
    (tmp_path / "a.yaml").write_bytes(b"a: ok\nb: gr\xfc\xdf\n")
    (problem,) = read_file(tmp_path / "a.yaml", "rules.d/a.yaml").problems
    assert str(problem) == "rules.d/a.yaml:2:6  the byte 0xfc is no UTF-8; save the file as UTF-8"


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path):
    (problem,) = read_file(tmp_path / "no.yaml", "no.yaml").problems
    assert str(problem) == "no.yaml:1:1  cannot read the file: No such file or directory"


plain_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("ab.$[]'\"{}: ", min_size=1, max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None)
@given(plain_values)
def test_what_is_dumped_with_quotes_is_read_back_the_same(value: object):
    dumped = yaml.safe_dump(value, default_style='"', allow_unicode=True, width=10_000)
    assert read(dumped).value == value


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("ab:-[]{}&*!|>'\"%@` \t\n#,?$.~<0"), max_size=60) | st.text(max_size=30))
def test_no_text_makes_the_reader_raise_and_every_value_has_a_place(text: str):
    document = read(text)
    for path in document.places:
        assert document.place_of(path).line >= 1
    for problem in document.problems:
        assert problem.text
