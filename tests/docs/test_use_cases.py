"""The page of the eight systems: each with its example, its picture, settings and commands, and a test that runs it."""

from __future__ import annotations

import re

import pytest

from tests.docs.use_cases import PAGE, marks_of, settings_of, write_anew
from tests.house.reading import ROOT

SECTIONS = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]


def test_it_shows_the_examples_as_they_are() -> None:
    page = PAGE.read_text()
    assert write_anew(page) == page, "python -m tests.docs.use_cases writes the page anew"


def test_the_eight_systems_are_there_in_order() -> None:
    assert [section.partition(".")[0] for section in SECTIONS] == [str(number) for number in range(1, 9)]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.partition("\n")[0])
def test_each_has_an_example_with_everything_and_a_test(section: str) -> None:
    (example,) = {example for _, example in marks_of(section)}
    assert [what for what, _ in marks_of(section)] == ["picture", "settings", "commands"]
    folder = ROOT / "examples" / example
    assert (folder / "README.md").is_file()
    assert f"](../examples/{example}/README.md)" in section
    tests = re.findall(r"`(tests/examples/test_\w+\.py)`", section)
    assert tests
    assert [test for test in tests if f'"{example}"' not in (ROOT / test).read_text()] == []
    assert "Bad input: " in section


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.partition("\n")[0])
def test_each_picture_has_every_topic_and_destination_that_something_reaches(section: str) -> None:
    (example,) = {example for _, example in marks_of(section)}
    settings = settings_of(example)
    for name, one in settings["destinations"].items():
        assert one["type"] == "topic" or f'"{name}: {one["type"]}"' in section
    for project, held in settings["projects"].items():
        for subscription in held.get("subscriptions", {}).values():
            assert f'"{project}/{subscription["topic"]}"' in section
