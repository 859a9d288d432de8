"""Plugins are found by their entry points, behind what is built in; one that cannot be used is a sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rules.conditions.operators import OPERATORS, Operator
from rules.plugins import NotAPlugin, Registry, _entry_points
from tests.fakes.packages import install_package

ADOPTED = """
from rules.conditions.operators import Operator, OperatorPlugin
TEST = lambda said, ignore_case: lambda value, now_us: True
PLUGIN = OperatorPlugin({promise}, Operator("{name}", "is odd", "{name}", TEST))
"""


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Installs packages for one test."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def install(name: str, points: dict[str, str], modules: dict[str, str], **more: Any) -> None:
        install_package(tmp_path, name, points, modules, **more)
        _entry_points.cache_clear()

    _entry_points.cache_clear()
    yield install
    _entry_points.cache_clear()
    for name in set(sys.modules) - before:
        del sys.modules[name]


def operators() -> Registry[Operator]:
    """The operators, as a process that has just begun sees them."""
    return Registry("operators", OPERATORS.built_in, OPERATORS._adopt)


def fault(name: str, registry: Registry[Any]) -> str:
    assert name not in registry
    assert registry.get(name) is None
    return registry.fault_of(name)


def test_a_word_of_a_plugin_stands_behind_the_built_in_ones(packages: Callable[..., None]) -> None:
    packages("odd", {"operators:odd": "odd_one:PLUGIN"}, {"odd_one": ADOPTED.format(promise=1, name="odd")})
    registry = operators()
    assert list(registry) == [*OPERATORS.built_in, "odd"]
    assert registry["odd"].meaning == "is odd"
    assert len(registry) == len(OPERATORS.built_in) + 1
    assert (registry.origin_of("odd"), registry.origin_of("equals")) == ("odd 1.0", "")
    assert [(one.name, one.origin, one.fault) for one in registry.reports()] == [("odd", "odd 1.0", "")]


def test_a_plugin_is_not_imported_for_words_that_are_built_in(packages: Callable[..., None]) -> None:
    packages("loud", {"operators:loud": "loud_one:PLUGIN"}, {"loud_one": "raise SystemExit('imported')"})
    registry = operators()
    assert "equals" in registry
    assert registry.fault_of("equals") == ""
    assert registry.fault_of("nobody-offers-this") == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_module_anywhere", "it cannot be imported: ModuleNotFoundError: No module named"),
        (
            "raise SystemExit(3)",
            "it cannot be imported: SystemExit: 3 (sad_one.py line 1); mend that, or uninstall sad",
        ),
        ("def (", "it cannot be imported: SyntaxError"),
        ("OTHER = 1", "it cannot be imported: AttributeError"),
        ("PLUGIN = 1", "what it names says no promise of ams-bridge; look for another version of sad"),
        (ADOPTED.format(promise=0, name="sad"), "promise 0, and the oldest kept is 1; install a newer sad"),
        (ADOPTED.format(promise=99, name="sad"), "promise 99, and this is 1; install a newer ams-bridge"),
        (ADOPTED.format(promise=True, name="sad"), "says no promise"),
        (ADOPTED.format(promise=1, name="other"), 'its operator is not one of single values with the name "sad"'),
        ("class PLUGIN: promise = 1", "what it names is no OperatorPlugin; look for another version of sad"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_said_with_its_package_and_what_to_do(
    packages: Callable[..., None], text: str, said: str
) -> None:
    packages("sad", {"operators:sad": "sad_one:PLUGIN"}, {"sad_one": text}, version="2.1")
    registry = operators()
    told = fault("sad", registry)
    assert told.startswith("sad 2.1 offers it, but ")
    assert said in told
    assert "\n" not in told
    assert list(registry) == list(OPERATORS.built_in)


def test_a_built_in_word_is_not_taken_and_the_package_is_named(packages: Callable[..., None]) -> None:
    packages("bold", {"operators:equals": "bold_one:PLUGIN"}, {"bold_one": "raise SystemExit('imported')"})
    registry = operators()
    assert registry["equals"] is OPERATORS.built_in["equals"]
    (report,) = registry.reports()
    assert report.fault == '"equals" is built in; uninstall bold, or ask its authors for another name'


def test_two_packages_with_one_word_are_both_named_and_neither_is_used(packages: Callable[..., None]) -> None:
    for name in ("one", "two"):
        text = ADOPTED.format(promise=1, name="odd")
        packages(name, {"operators:odd": f"odd_{name}:PLUGIN"}, {f"odd_{name}": text})
    assert fault("odd", operators()) == "one 1.0 offers it, but so does two; uninstall all but one of them"


def test_a_package_that_is_on_the_path_twice_is_one_package(packages: Callable[..., None], tmp_path: Path) -> None:
    text = ADOPTED.format(promise=1, name="odd")
    packages("odd", {"operators:odd": "odd_one:PLUGIN"}, {"odd_one": text})
    packages("odd", {"operators:odd": "odd_one:PLUGIN"}, {"odd_one": text}, version="1.1")
    assert operators().fault_of("odd") == ""


def test_what_is_no_plugin_is_told_with_its_text(packages: Callable[..., None]) -> None:
    def refuse(name: str, plugin: object) -> Any:
        raise NotAPlugin(f"{name} is not wanted")

    packages("odd", {"operators:odd": "odd_one:PLUGIN"}, {"odd_one": ADOPTED.format(promise=1, name="odd")})
    registry: Registry[Any] = Registry("operators", {}, refuse)
    assert registry.fault_of("odd") == "odd 1.0 offers it, but odd is not wanted; look for another version of odd"
