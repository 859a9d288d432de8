"""What people read of each shipped template, one readable page for each: one event, fifteen, their ends, and nothing.

A page that is missing, or differs, fails its test with what should stand there; look at it as Mattermost shows it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from rules.language.read import read_rules
from rules.language.sources import World
from rules.model import DestinationFacts
from rules.rendering.template_files import read_templates
from rules.ruleset import RuleSet
from tests.fakes.mattermost_reader import mentions_in
from tests.fakes.rule_sets import Line
from tests.templates.gallery_samples import SAMPLES, alert, call

GALLERY = Path(__file__).parent / "gallery"
RULE = """
topic: projects/ARGO/topics/alarms
rules:
  - name: disks
    match: {attributes.phase: firing}
    resolved: {attributes.phase: over}
    key: "{{ attributes.n }}"
    group: {wait: 30s}
    template: TEMPLATE
    send: ops
"""
MOST_LINES_OF_ONE = 4
MOST_LINES_OF_AN_END = 4
LONGER = {"cloudevent": 9, "plain": 9}
"""Templates that show what came: its payload takes lines of its own."""
LISTED = frozenset({"github/event", "gitlab/event"})
"""Templates whose events are a line each, of links: fifteen are fifteen lines."""


@cache
def the_rules(name: str) -> RuleSet:
    world = World(destinations={"ops": DestinationFacts("ops", "mattermost")})
    return read_rules([("rules.yaml", RULE.replace("TEMPLATE", name))], world)


def told(name: str, count: int) -> tuple[str, str]:
    """The post about so many events of a group, and the one about their ends."""
    line = Line(the_rules(name))
    posts = []
    for phase in ("firing", "over"):
        events = [SAMPLES[name](n, phase == "over") for n in range(1, count + 1)]
        if name == "alertmanager/group":  # one call is its group
            events = [call(*(alert(n, phase == "over") for n in range(1, count + 1)))]
        for n, event in enumerate(events):
            line.take(event, attributes={"phase": phase, "n": str(n)})
        (send,) = line.wait(30)
        posts.append(send.post.text)
    return posts[0], posts[1]


def nothing(name: str) -> str:
    """The post about an event without a field."""
    line = Line(the_rules(name))
    line.take({}, attributes={"phase": "firing", "n": "1"})
    (send,) = line.wait(30)
    return send.post.text


def the_page(name: str) -> str:
    one, end = told(name, 1)
    fifteen, ends = told(name, 15)
    parts = {"One": one, "Its end": end, "Fifteen": fifteen, "Fifteen ends": ends, "No fields": nothing(name)}
    return "\n\n".join([f"# {name}", *(f"## {title}\n\n{text}" for title, text in parts.items())]) + "\n"


def page_of(name: str) -> Path:
    return GALLERY / f"{name.replace('/', '-')}.md"


def test_every_shipped_template_has_a_page_and_every_page_a_template() -> None:
    shipped, _ = read_templates(None)
    assert set(SAMPLES) == set(shipped.shelved)
    assert {path.name for path in GALLERY.iterdir()} == {page_of(name).name for name in shipped.shelved}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_template_is_read_as_its_page_shows(name: str) -> None:
    page = the_page(name)
    assert page_of(name).exists(), page
    assert page == page_of(name).read_text()
    assert mentions_in(page) == set()


@pytest.mark.parametrize("name", SAMPLES)
def test_one_is_short_and_an_end_is_green(name: str) -> None:
    one, end = told(name, 1)
    assert len(one.splitlines()) <= LONGER.get(name, MOST_LINES_OF_ONE), one
    assert len(end.splitlines()) <= LONGER.get(name, MOST_LINES_OF_AN_END), end
    assert ":red_circle:" not in end
    if name != "cloudevent":
        assert end.startswith(":large_green_circle:")


@pytest.mark.parametrize("name", SAMPLES)
def test_fifteen_are_a_headline_and_a_table_and_their_ends_are_shorter(name: str) -> None:
    fifteen, ends = told(name, 15)
    assert "15 x" in fifteen.splitlines()[0]
    assert "15 x" in ends.splitlines()[0]
    assert ("\n|---|" in fifteen) is (name not in LISTED)
    assert len(ends.splitlines()) <= (16 if name in LISTED else 6), ends
    assert ends.startswith(":large_green_circle:")
