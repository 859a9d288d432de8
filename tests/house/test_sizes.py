"""A file is one idea and fits the eye, and so does a function."""

from __future__ import annotations

import ast

from tests.house.reading import Definition, definitions, named, sources

FILE_LINES = 350
BODY_LINES = 40

LONGER_FUNCTIONS: dict[str, str] = {}
"""Functions that may be longer, as ``broker/store.py:Store.append`` -> the reason. Best kept empty."""


def body_lines(function: Definition) -> int:
    """Lines of the body as read: from its first statement to its end, the docstring left out."""
    body = function.body
    first = body[1] if ast.get_docstring(function) is not None and len(body) > 1 else body[0]
    return (function.end_lineno or first.lineno) - first.lineno + 1


def long_functions() -> dict[str, int]:
    found = [each for source in sources() for each in definitions(source) if not isinstance(each.node, ast.ClassDef)]
    return {each.name: body_lines(each.node) for each in found if body_lines(each.node) > BODY_LINES}


def test_a_file_has_at_most_350_lines() -> None:
    lengths = {source.name: len(source.text.splitlines()) for source in sources()}
    found = [f"{name}: {lines} lines" for name, lines in lengths.items() if lines > FILE_LINES]
    assert not found, named(found, f"Over {FILE_LINES} lines; a second idea wants a file of its own:")


def test_a_function_body_has_at_most_40_lines() -> None:
    found = [f"{name}: {lines} lines" for name, lines in long_functions().items() if name not in LONGER_FUNCTIONS]
    assert not found, named(found, f"Bodies over {BODY_LINES} lines; a part of them wants a name:")


def test_a_function_that_became_short_leaves_the_list() -> None:
    found = LONGER_FUNCTIONS.keys() - long_functions().keys()
    assert not found, named(found, "No longer too long; take them out of LONGER_FUNCTIONS:")
