"""Each bad file lies beside the exact text that a person reads about it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from rules.language.read import read_rules
from rules.language.read_rule import RULE_KEYS
from rules.source.problems import ProblemsFound
from tests.fakes.rule_sets import a_world

BAD = Path(__file__).parents[2] / "data" / "rules" / "bad"
FILES = sorted([*BAD.glob("*.yaml"), *(BAD.parent / "mistakes").glob("*.yaml")])
DOUBTFUL = sorted((BAD.parent / "doubtful").glob("*.yaml"))


def what_is_said(file: Path) -> str:
    with pytest.raises(ProblemsFound) as found:
        read_rules([(file.name, file.read_text())], a_world())
    return f"{found.value}\n"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_bad_file_is_answered_with_every_problem_and_its_place(file):
    assert what_is_said(file) == file.with_suffix(".txt").read_text()


def test_there_are_at_least_two_hundred_of_them():
    assert len(FILES) >= 200


def what_is_doubted(file: Path) -> str:
    rule_set = read_rules([(file.name, file.read_text())], a_world())
    return "".join(f"{one}\n" for one in rule_set.warnings)


@pytest.mark.parametrize("file", DOUBTFUL, ids=lambda file: file.stem)
def test_a_file_that_loads_and_means_something_else_is_answered_with_a_warning(file):
    assert what_is_doubted(file) == file.with_suffix(".txt").read_text()


HEAD = "topic: projects/ARGO/topics/alarms\nrules:\n  - name: one\n    send: ops\n"
QUIET = ("dedupe", "repeat", "resolved", "key", "flapping", "for", "count")
LINE = re.compile(r"^(?P<key>[a-z_]+): \S")
CONDITION = re.compile(r"^(?:[$]|attributes)[^ ]*: \S")


SAYS = re.compile(r"write (?!(?:a|an|one|it|its|the|their) )|did you mean |in quotes: (?=\w+:)|such as (?=key:)")
ENDS = re.compile(r"[?]$|; | [(]|, |$")


def suggestions() -> Iterator[tuple[str, list[str]]]:
    """What each answer says to write, as the texts that it may end at."""
    for file in [*FILES, *DOUBTFUL]:
        for line in file.with_suffix(".txt").read_text().splitlines():
            for found in SAYS.finditer(line):
                rest = line[found.end() :]
                texts = [rest[: end.start()] for end in ENDS.finditer(rest)]
                yield file.stem, [one for text in texts for one in (text, text.strip('"'), text.removeprefix('"'))]


def as_rule(said: str) -> str | None:
    """A rule with the suggestion in it; None where it is words."""
    if CONDITION.match(said):
        return f"{HEAD}    match:\n      {said}\n"
    if said.startswith("$") and " " not in said:
        return f"{HEAD}    match:\n      {said}: x\n"
    if re.fullmatch(r"[\d.]+(?:ms|[smhdw])", said):
        return f"{HEAD}    key: k\n    dedupe: {said}\n"
    if re.fullmatch(r"\d+/\d+[smhd]", said):
        return f"{HEAD}    throttle: {said}\n"
    if said.startswith(("{{", "{%")) and "..." not in said and said.endswith(("}}", "%}")):
        return f"{HEAD}    text: |-\n      {said}\n"
    if said.startswith(("{not:", "{regex:", "{gt", "{like:")):
        return f"{HEAD}    match:\n      $.a: {said}\n"
    found = LINE.match(said)
    if found is None or found["key"] not in RULE_KEYS or "NAME" in said or "..." in said:
        return None
    head = HEAD.replace("    send: ops\n", "") if found["key"] == "send" else HEAD
    beside = "".join(line for line in ("    key: k\n", "    resolved: {$.a: b}\n") if f"{found['key']}:" not in line)
    return f"{head}{beside}    {said}\n" if found["key"] in QUIET else f"{head}    {said}\n"


def loads(text: str) -> bool:
    text = text if "name: one" in text else text.replace("    send: [", "    name: one\n    send: [")
    try:
        read_rules([("mended.yaml", text)], a_world())
    except ProblemsFound:
        return False
    return True


LOADABLE = [
    (stem, texts)
    for stem, said in suggestions()
    if (texts := [text for one in said if (text := as_rule(one)) is not None])
]


@pytest.mark.parametrize("texts", [texts for _, texts in LOADABLE], ids=[stem for stem, _ in LOADABLE])
def test_what_an_answer_says_to_write_loads(texts):
    assert any(loads(text) for text in texts), texts


def test_most_answers_that_can_be_tried_are():
    assert len(LOADABLE) >= 40


def test_problems_of_several_files_come_together_in_order():
    files = [(name, (BAD / name).read_text()) for name in ("unknown-operator.yaml", "rule-without-send.yaml")]
    with pytest.raises(ProblemsFound) as found:
        read_rules(files, a_world())
    named = [problem.place.file for problem in found.value.problems]
    assert named == sorted(named)
    assert set(named) == {"rule-without-send.yaml", "unknown-operator.yaml"}
