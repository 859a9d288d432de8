"""A function is called by what it does; one that only gives a value may be called as that value, ``severity_of``.

So who reads a call knows what happens: ``tell``, not ``told``, and a bare noun never changes anything. Stand-ins speak
the words of the service they stand in for, and are left out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house.reading import Defined, Function, definitions, named, sources

PARTICIPLES = {
    *("begun", "bound", "broken", "brought", "chosen", "done", "drawn", "found", "given", "gone", "heard", "held"),
    *("kept", "known", "left", "lost", "made", "meant", "paid", "said", "seen", "sent", "shown", "spoken", "stood"),
    *("taken", "told", "understood", "written"),
}
"""Those that do not end in -ed."""
LIKE_PARTICIPLES = {"embed", "exceed", "feed", "need", "proceed", "seed", "shed", "speed", "succeed", "unauthorized"}
"""What ends in -ed and is none, and the name of an answer of HTTP."""
BEHIND = {
    *("at", "away", "back", "behind", "by", "for", "from", "in", "of", "off", "on", "out", "over", "to", "together"),
    *("up", "with"),
}
"""Words that make no noun of a participle before them: ``held_by`` is one alone, ``held_post_of`` is a post."""

VERBS = set((Path(__file__).parent / "verbs.txt").read_text().split())
"""What a function that gives nothing may begin with. A verb that is missing is added; a noun is none."""
OF_LIBRARIES = {
    *("connection_lost", "connection_made", "data_received", "on_body", "on_chunk_header", "on_headers_complete"),
    *("on_message_begin", "on_message_complete", "on_response_complete", "output_child_post", "output_child_pre"),
    *("pytest_generate_tests", "startup"),
}
"""Methods that asyncio, aiohttp, httptools, Jinja, pytest and uvicorn call, so theirs to name."""
PROPERTIES = {"property", "cached_property", "setter"}


def functions() -> Iterator[tuple[Defined, Function]]:
    for source in sources():
        if "/fakes/" not in source.name:
            for defined in definitions(source):
                if isinstance(defined.node, Function) and not defined.node.name.startswith("__"):
                    yield defined, defined.node


def decorators(node: Function) -> set[str]:
    """The last words of a function's decorators: ``command`` of ``@click.command(cls=CliCommand)``."""
    marks = (mark.func if isinstance(mark, ast.Call) else mark for mark in node.decorator_list)
    return {mark.attr if isinstance(mark, ast.Attribute) else getattr(mark, "id", "") for mark in marks}


def first_word(name: str) -> str:
    return name.strip("_").split("_")[0]


def is_participle(name: str) -> bool:
    """Whether a name is a participle with no noun behind it."""
    first, _, rest = name.strip("_").partition("_")
    is_alone = not rest or rest.split("_")[0] in BEHIND
    return is_alone and first not in LIKE_PARTICIPLES and (first.endswith("ed") or first in PARTICIPLES)


def is_called_for_its_effect(node: Function) -> bool:
    """Whether a function gives nothing, and is ours to name."""
    gives_nothing = isinstance(node.returns, ast.Constant) and node.returns.value is None
    is_named_by_others = decorators(node) & {"command", "group"} or node.name.strip("_") in OF_LIBRARIES
    return gives_nothing and not is_named_by_others and not decorators(node) & PROPERTIES


def test_no_function_is_called_by_a_participle() -> None:
    offenders = [
        defined.name for defined, node in functions() if is_participle(node.name) and not decorators(node) & PROPERTIES
    ]
    assert not offenders, named(offenders, "Say what it does (tell, not told), or what it gives (held_post_of):")


def test_a_function_that_gives_nothing_begins_with_a_verb() -> None:
    offenders = [
        defined.name
        for defined, node in functions()
        if is_called_for_its_effect(node) and first_word(node.name) not in VERBS
    ]
    assert not offenders, named(offenders, "Begin it with the verb of what it does; new ones go to verbs.txt:")


def test_every_verb_of_the_list_is_used() -> None:
    unused = VERBS - {first_word(node.name) for _, node in functions()}
    assert not unused, named(unused, "No function begins with these any more; take them out of verbs.txt:")


def test_a_participle_is_known_and_a_verb_or_noun_with_it_is_not() -> None:
    assert all(map(is_participle, ["told", "_held_of", "decided", "composed_for", "given_back"]))
    assert not any(map(is_participle, ["tell", "feed_watchdog", "held_post_of", "dotted_key", "bound_padding"]))
