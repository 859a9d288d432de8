"""Every module, class and public function says what it promises."""

from __future__ import annotations

import ast

from tests.house.reading import Defined, definitions, named, sources

INHERITED = {"override", "overload", "setter", "deleter"}
"""Decorators of a function whose promise stands elsewhere."""


def decorators(node: ast.AST) -> set[str]:
    """The last word of each decorator: ``setter`` of ``@pace.setter``."""
    found = (each.func if isinstance(each, ast.Call) else each for each in getattr(node, "decorator_list", []))
    return {each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "") for each in found}


def needs_a_docstring(each: Defined) -> bool:
    return isinstance(each.node, ast.ClassDef) or (each.is_public and not decorators(each.node) & INHERITED)


def test_every_module_has_a_docstring() -> None:
    found = [source.name for source in sources() if not ast.get_docstring(source.tree)]
    assert not found, named(found, "Modules that do not say what they do:")


def test_every_class_and_public_function_has_a_docstring() -> None:
    everything = [each for source in sources() for each in definitions(source) if needs_a_docstring(each)]
    found = [each.name for each in everything if not ast.get_docstring(each.node)]
    assert not found, named(found, "Classes and public functions that do not say what they promise:")


def test_a_docstring_begins_with_a_sentence() -> None:
    texts = [(each.name, ast.get_docstring(each.node)) for source in sources() for each in definitions(source)]
    texts += [(source.name, ast.get_docstring(source.tree)) for source in sources()]
    openings = [(name, text.partition("\n\n")[0].rstrip()) for name, text in texts if text]
    found = [name for name, opening in openings if not opening.endswith((".", ":", "!", "?"))]
    assert not found, named(found, "Docstrings whose first paragraph does not end like a sentence:")
