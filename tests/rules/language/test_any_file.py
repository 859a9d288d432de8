"""Whatever stands in a rule file: rules that load, or problems with their places; never a crash, never a traceback."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.language.read import read_rules
from rules.source.problems import Problem, ProblemsFound
from tests.fakes.rule_sets import a_world

ROOT = Path(__file__).parents[3]
PAGES = "".join((ROOT / "docs" / page).read_text() for page in ("rules.md", "from-alertmanager.md"))
FILES = [
    *re.findall(r"```yaml\n(.*?)```", PAGES, re.DOTALL),
    *(path.read_text() for path in sorted((ROOT / "examples").glob("*/rules.d/*.yaml"))),
    *(path.read_text() for path in sorted((ROOT / "tests" / "data" / "rules" / "bad").glob("*.yaml"))),
]
WORDS = "{{ }} {% %} null true [] {} [ ] { } : ' \" | &a *a !x 1e400 .nan .inf $.. $[ $.a ~ -1 # ... ? 0x é 🔥"
LINES = """
for_each: 1
match: []
send: []
set: [x]
tests: 5
rules: {}
expect: x
at: -1s
when: '{{'
group: 1
throttle: 0/0
hours: [1]
inhibited_by: [1]
flapping: x
fields: 3
body: {a: {b: 1}}
decode: 1
topic: []
was: 3
silences: 3
quiet: {}
text: {regex: '('}
snapshot: ../../x
<<: *a
!!int x
%YAML 1.1
"""
SIGNS = ["\n", "  ", "\t", "\r", "\u2028", "\ufeff", "\x00", "\x85", "---\n", "- ", "9" * 30]
SCRAPS = st.sampled_from([*WORDS.split(), *LINES.splitlines(), *SIGNS])
WORLD = a_world(topics=frozenset({"projects/OPS/topics/checks"}))


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A file of ours with a few scraps thrown in, lines lost, doubled or moved to the right."""
    lines = draw(st.sampled_from(FILES)).splitlines(keepends=True)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(lines) - 1)))
        line = lines[at : at + 1] or [""]
        column = draw(st.integers(0, len(line[0])))
        kind = draw(st.sampled_from(["lose", "double", "indent", "value", "insert"]))
        changed = {
            "lose": [],
            "double": line * 2,
            "indent": [" " * column + line[0].lstrip(" ")],
            "value": [f"{line[0].split(':')[0]}: {draw(SCRAPS)}\n"],
            "insert": [line[0][:column] + draw(SCRAPS) + line[0][column:]],
        }
        lines[at : at + 1] = changed[kind]
    return "".join(lines)


def problems_of(text: str) -> tuple[Problem, ...]:
    """What is wrong with a file; warnings too."""
    try:
        return read_rules([("f.yaml", text)], WORLD).warnings
    except ProblemsFound as found:
        return found.problems


def is_told_well(problem: Problem) -> bool:
    return (
        bool(problem.text) and "object at 0x" not in problem.text and min(problem.place.line, problem.place.column) > 0
    )


@settings(max_examples=300, deadline=None)
@given(mutated())
def test_a_file_with_anything_in_it_is_rules_or_problems(text: str) -> None:
    problems = problems_of(text)
    assert list(problems) == sorted(problems, key=lambda problem: problem.place)
    assert all(map(is_told_well, problems))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_rules_or_problems(text: str) -> None:
    problems = problems_of(text)
    assert list(problems) == sorted(problems, key=lambda problem: problem.place)
    assert all(map(is_told_well, problems))
