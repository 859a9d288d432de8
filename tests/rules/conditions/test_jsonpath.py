from __future__ import annotations

import contextlib
import time
import warnings
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonpath_ng import ext

from rules.conditions.jsonpath import CompiledPath, PathProblem, compile_path, dotted_key, plain_names, spell_path
from rules.conditions.jsonpath_tree import read_path

ALERT = {
    "type": "endpoint",
    "status": "CRITICAL",
    "url.history": "https://ui",
    "tags": {"vo": "ops"},
    "alerts": [
        {"status": "firing", "labels": {"severity": "page", "instance": "a"}, "n": 1},
        {"status": "resolved", "labels": {"severity": "info"}, "n": 2.5},
        {"status": "firing", "labels": None, "n": None},
    ],
    "nothing": None,
}


def by_jsonpath_ng(text: str, document: Any) -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return [match.value for match in ext.parse(text).find(document)]


def same(found: list[Any], expected: list[Any]) -> bool:
    return repr(found) == repr(expected)  # 1, 1.0 and True are different here


PATHS = [
    "$",
    "$.status",
    "$.nope",
    "$.tags.vo",
    "$.tags.vo.deeper",
    "$['url.history']",
    '$["url.history"]',
    "$.nothing",
    "$.alerts[0].status",
    "$.alerts[-1].status",
    "$.alerts[7]",
    "$.alerts[0,2].n",
    "$.alerts[*].labels.severity",
    "$.alerts.*.n",
    "$.alerts[1:].status",
    "$.alerts[::-1].n",
    "$.alerts[::0].n",
    "$.*",
    "$[*]",
    "$['status','type']",
    "$.status,type",
    "$.tags['vo','vo']",
    "$..severity",
    "$..labels.instance",
    "$..*",
    "$..[0]",
    "$.alerts[?(@.status=='firing')].labels.instance",
    "$.alerts[?(@.status!='firing')].n",
    "$.alerts[?(@.n > 1)].status",
    "$.alerts[?(@.n >= 1 && @.status == 'firing')].n",
    "$.alerts[?(@.n == 1 || @.status == 'resolved')].n",
    "$.alerts[?(@.labels.instance)].n",
    "$.alerts[?(!@.labels.instance)].n",
    "$.alerts[?(@.n == null)].status",
    "$.alerts[?(@.n <= null)].status",
    "$.alerts[?(@.status =~ 'f.*g')].n",
    "$.alerts[?(@.gone != 1)].n",
    "$.alerts[?(@.status == $.alerts[0].status)].n",
    "$..[?(@.severity)].severity",
    "$.alerts[\\n][0].n",
    "$.alerts[/status].n",
    "$.alerts.`len`",
    "$.tags.`keys`",
    "$.alerts[0].`parent`",
    "$.status.`split(I, 0, -1)`",
    "$.status.`sub(/CRIT/, x)`",
    "$.alerts[0].n + 1",
    "$.alerts.`this`[0].n",
]


@pytest.mark.parametrize("text", PATHS)
def test_a_compiled_path_finds_what_jsonpath_ng_finds(text: str):
    try:
        expected = by_jsonpath_ng(text, ALERT)
    except (TypeError, AttributeError):
        expected = []
    assert same(compile_path(text).find(ALERT), expected)


keys = st.sampled_from(["a", "b", "a.b", "b c", "*", "0", "'", '"', "$", "null", "true", "x-y", "ü", ""])
documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.sampled_from([0.0, 1.0, 1.5])
    | st.sampled_from(["", "a", "b", "firing"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=25,
)
quoted_names = keys.map(lambda key: "['" + key.replace("\\", "\\\\").replace("'", "\\'") + "']")
indexes = st.integers(-5, 5)
slices = st.tuples(st.none() | indexes, st.none() | indexes, st.none() | indexes).map(
    lambda part: "[" + ":".join("" if bound is None else str(bound) for bound in part) + "]"
)
literals = st.sampled_from(["1", "-1", "1.5", "'a'", "'firing'", "null", "true", "false", "''"])
targets = st.sampled_from(["@.a", "@.b.a", "@['a.b']", "@[0]", "@", "@.*", "@.a[?(@.b)]"])
tests = st.one_of(
    st.tuples(targets, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), literals).map(" ".join),
    targets,
    targets.map(lambda target: "!" + target),
    targets.map(lambda target: f"{target} =~ '^[af]'"),
)
filters = st.lists(tests, min_size=1, max_size=3).flatmap(
    lambda several: st.sampled_from([" && ", " || "]).map(lambda joint: f"[?({joint.join(several)})]")
)
steps = st.one_of(
    st.sampled_from([".a", ".b", ".x-y", ".*", "[*]", "..a", "..*", ".null", ".`this`"]),
    st.sampled_from(["..[0]", "..[*]", "..['a.b']", "..[1:]", "..[?(@.a)]", "..a,b", ".a,b", ".(a|b)", "..(a|b)"]),
    st.sampled_from([".`len`", ".`keys`", ".`parent`", ".`sorted`", "[\\\\a]", "[/a]", ".`str()`", "[?(@.a[*]=='a')]"]),
    quoted_names,
    st.lists(quoted_names, min_size=2, max_size=3).map(
        lambda names: "[" + ",".join(name[1:-1] for name in names) + "]"
    ),
    indexes.map(lambda index: f"[{index}]"),
    st.lists(indexes, min_size=2, max_size=3).map(lambda several: "[" + ",".join(map(str, several)) + "]"),
    slices,
    filters,
)
paths = st.lists(steps, min_size=1, max_size=4).map(lambda parts: "$" + "".join(parts))


@settings(max_examples=400, deadline=None)
@given(paths, st.lists(documents, min_size=1, max_size=3))
def test_random_paths_find_what_jsonpath_ng_finds_in_random_documents(text: str, several: list[Any]):
    try:
        path = compile_path(text)
    except PathProblem:
        return
    for document in several:
        try:
            expected = by_jsonpath_ng(text, document)
        except (TypeError, AttributeError, KeyError, IndexError, AssertionError):
            assume(False)
        assert same(path.find(document), expected), text


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("$.[]'\"*?@()=<>!&|~`ab01,:+-/\\ "), max_size=14).map("$".__add__), documents)
def test_any_text_is_a_path_or_a_problem_and_finding_never_raises(text: str, document: Any):
    with contextlib.suppress(PathProblem):
        assert isinstance(compile_path(text).find(document), list)


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("status", 1, 'a path begins with "$"; write $.status'),
        ("", 1, 'a path begins with "$"; write $.name'),
        ("$.my key", 6, "needs quotes: $['a name']"),
        ("$.größe cm", 9, "needs quotes"),
        ("$['url.history", 15, "a quote that is never closed"),
        ("$.alerts[0", 11, "ends too early"),
        ("$.a.`nosuch`", 5, "unknown operator"),
        ("$.a & $.b", 1, 'uses "&" between paths'),
        ("$..a..b..c..d", 1, 'more than 3 ".."'),
        ("$.a[?(@.b =~ '(?=x)')]", 1, "look-ahead"),
        ("$.a.`sub(/(?=x)/, y)`", 1, "look-ahead"),
        ("$.a.`sub(x)`", 1, "cannot be read"),
        ("$." + "a" * 1000, 1, "longer than 1000 characters"),
    ],
)
def test_a_path_that_cannot_be_used_says_where_and_why(text: str, column: int, words: str):
    with pytest.raises(PathProblem) as caught:
        compile_path(text)
    assert words in str(caught.value)
    assert caught.value.column == column


@pytest.mark.parametrize("text", ["$.größe", "$['größe']", "$.*.日本-x", "$..日本-x", "$[?(@.日本-x == 'ü')].日本-x"])
def test_names_of_all_scripts_need_no_quotes(text: str):
    assert compile_path(text).find({"größe": {"日本-x": "ü"}}) in ([{"日本-x": "ü"}], ["ü"])


@pytest.mark.parametrize(
    ("text", "is_simple", "path_keys"),
    [
        ("$", True, ()),
        ("$.a.b", True, ("a", "b")),
        ("$['a.b'].c", True, ("a.b", "c")),
        ("$.a[0].b", True, ("a",)),
        ("$.a[*].b", False, ("a",)),
        ("$.a.b[?(@.c)]", False, ("a", "b")),
        ("$..a", False, ()),
    ],
)
def test_a_path_knows_the_keys_it_begins_with(text: str, is_simple: bool, path_keys: tuple[str, ...]):
    path = compile_path(text)
    assert (path.is_simple, path.path_keys) == (is_simple, path_keys)


def test_the_same_text_is_compiled_once_and_equal_by_its_text():
    assert compile_path("$.a") is compile_path("$.a")
    assert compile_path("$.a") == CompiledPath("$.a", lambda _: [], is_simple=False, path_keys=())


def test_keys_are_spelled_as_a_path_that_finds_them():
    names = ["labels", "alert.name", "it's", "a\\b"]
    assert spell_path(names[:2]) == "$.labels['alert.name']"
    assert compile_path(spell_path(names)).find({"labels": {"alert.name": {"it's": {"a\\b": 1}}}}) == [1]


@pytest.mark.parametrize(
    ("text", "better"),
    [
        ("$.url.history", "$['url.history']"),
        ("$.tags.vo", None),
        ("$.tags.nope", None),
        ("$.inner.a.b.c", "$.inner['a.b'].c"),
        ("$.status", None),
    ],
)
def test_a_key_with_dots_read_as_nested_keys_is_spelled_right(text: str, better: str | None):
    assert dotted_key(compile_path(text), ALERT | {"inner": {"a.b": {"c": 1}}}) == better


@pytest.fixture(scope="module")
def huge_document() -> Any:
    return {"a": [{"x": {"x": [{"x": 1}]}} for _ in range(100_000)], "y": 1}


@pytest.mark.parametrize(
    "text",
    ["$..a..b..c", "$..*", "$..[?(@.x == 1)]", "$..['x','x']['x','x']", "$.a[?(@.x == $.y)]", "$.a[\\x].x", "$.a.*.*"],
)
def test_a_huge_document_cannot_stall_a_path(text: str, huge_document: Any):
    before = time.perf_counter()
    compile_path(text).find(huge_document)
    assert time.perf_counter() - before < 5


def test_arithmetic_on_texts_finds_nothing():
    assert compile_path("$.a * $.n").find({"a": "x", "n": 10**9}) == []


PLAIN_NAMES = st.sampled_from(
    [
        "a",
        "status",
        "_x",
        "a-b",
        "a-1",
        "where",
        "wherenot",
        "wherever",
        "true",
        "trueish",
        "false",
        "null",
        "len",
        "to",
    ]
) | st.text("ab1_-", min_size=1, max_size=4)
PLAIN_STEPS = (
    PLAIN_NAMES.map(".{}".format)
    | st.integers(-12, 12).map("[{}]".format)
    | st.text("ab1_- .:/@*", max_size=4).map("['{}']".format)
    | st.text("ab1_- .:/", max_size=4).map('["{}"]'.format)
)


@given(st.lists(PLAIN_STEPS, max_size=4).map("".join))
def test_what_is_read_without_jsonpath_ng_is_read_as_it_reads_it(steps: str):
    found = plain_names("$" + steps)
    if found is not None:
        read = read_path("$" + steps)
        assert read.names == found
        assert repr(found) == repr(read.names)


@pytest.mark.parametrize("path", ["$", "$.status", "$.alerts[0].labels", "$['url.history']", '$["a b"][-1].x', "$.a-b"])
def test_plain_paths_are_read_without_jsonpath_ng(path: str):
    assert plain_names(path) is not None


@pytest.mark.parametrize("path", ["$.*", "$.a[*]", "$..a", "$.true", "$.where", "$['*']", "$.a ", "$.a[0,1]", "$x"])
def test_all_other_paths_are_left_to_it(path: str):
    assert plain_names(path) is None
