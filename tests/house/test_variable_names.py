"""A variable is called by the noun of what it is: ``lease``, not ``held``; ``matches``, not ``found``.

Stand-ins speak the words of the service they stand in for, and are left out; so are the fields of records, which are
told apart by their records.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.house.reading import named, sources

RIDDLES = {
    *("data2", "foo", "found", "held", "it", "one", "res", "ret", "said", "standing", "stands", "stuff", "them"),
    *("thing", "things", "tmp", "told"),
}
"""Words that could be anything."""


def variables(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Every name that is given to a value, parameters included, and its line."""
    fields = {
        line.target
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for line in node.body
        if isinstance(line, ast.AnnAssign)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) if node not in fields:
                yield name, node.lineno
            case ast.arg(arg=name) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name, node.lineno
            case ast.ExceptHandler(name=str(name)):
                yield name, node.lineno


def riddles(tree: ast.Module) -> list[tuple[str, int]]:
    return [(name, line) for name, line in variables(tree) if name in RIDDLES]


def test_a_variable_is_called_by_a_noun() -> None:
    offenders = [
        f"{source.name}:{line}: {name}"
        for source in sources()
        if "/fakes/" not in source.name
        for name, line in riddles(source.tree)
    ]
    assert not offenders, named(offenders, "Say what it is: a delivery, a lease, a text, the matches:")


def test_every_kind_of_variable_is_looked_at_and_a_field_is_not() -> None:
    code = "def f(one): found = 1\nfor told in (it := x): pass\nmatch y:\n case [*said]: pass\nclass C:\n held: int"
    assert sorted(name for name, _ in riddles(ast.parse(code))) == ["found", "it", "one", "said", "told"]
