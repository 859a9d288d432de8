"""One word per thing: the names in our packages come from the glossary, and some words are not in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.house.reading import PACKAGES, ROOT, Source, named, sources

NEVER = {
    "helper",
    "helpers",
    "job",
    "jobs",
    "manager",
    "managers",
    "notifier",
    "notifiers",
    "sink",
    "sinks",
    "util",
    "utils",
}
"""Words of no name of ours: say delivery, attempt, worker, destination; what needs helpers is missing a name."""

NOT_OURS = {"task", "tasks"}
"""asyncio's word: a variable may hold an asyncio.Task, but no module, class, function or field is called so."""

NO_FILE = {"common", "misc", "manager", "util", "utils", "helper", "helpers"}


def words(name: str) -> set[str]:
    """The words of a name: ``RetryPolicy`` and ``retry_policy`` are both {retry, policy}."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def defined_names(source: Source) -> Iterator[str]:
    """Names of classes, functions and fields."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        if isinstance(node, ast.ClassDef):
            fields = (each.target for each in node.body if isinstance(each, ast.AnnAssign))
            yield from (field.id for field in fields if isinstance(field, ast.Name))


def names(source: Source) -> Iterator[str]:
    """Every name the file gives to something: definitions, arguments, variables, attributes it sets."""
    yield from defined_names(source)
    for node in ast.walk(source.tree):
        match node:
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.alias(asname=str(name)):
                yield name


def test_no_name_uses_a_word_that_is_not_ours() -> None:
    found = {f"{source.name}: {name}" for source in sources() for name in names(source) if words(name) & NEVER}
    found |= {f"{s.name}: {name}" for s in sources() for name in defined_names(s) if words(name) & NOT_OURS}
    assert not found, named(found, "Names that are not in the glossary (CONTRIBUTING.md, one word per thing):")


def test_no_file_is_a_drawer() -> None:
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    found = [str(path.relative_to(ROOT)) for path in paths if words(path.stem) & (NO_FILE | NOT_OURS | NEVER)]
    assert not found, named(found, "Files whose name says nothing of what is in them:")


def test_words_are_found_in_every_spelling() -> None:
    assert words("HTTPJobQueue") == {"http", "job", "queue"}
    assert words("_notify_sink2") == {"notify", "sink"}
