"""The first sentence of a docstring stands by itself: a reader who came by a search knows what the thing is or does.

It does not begin with a word that stands for something said elsewhere (``It arrived.``), and a very short one names a
thing of the glossary. No room is left out: what commands say of themselves and stand-ins are held to it as well.
"""

from __future__ import annotations

import ast
import re

from tests.house.reading import ROOT, definitions, named, sources

REFERS = {
    *("Another", "Anybody", "As", "Here", "It", "Its", "Never", "Nobody", "Not", "Nothing", "So", "Somebody", "Still"),
    *("Such", "That", "Then", "There", "These", "They", "Those", "Whoever", "Within"),
}
"""Words that tell something of a thing without naming it, at the beginning of a sentence."""
STANDS = ("Nothing but", "Nothing of", "Somebody asks", "Not a", "That a", "As AMS")
"""Beginnings with such a word that are understood."""
FEWEST_WORDS = 3


def glossary() -> set[str]:
    """The words of docs/glossary.md, in the singular and as they are."""
    rows = re.findall(r"^\| ([^|]+) \|", (ROOT / "docs" / "glossary.md").read_text(), flags=re.MULTILINE)[2:]
    words = {word.lower() for row in rows for word in re.findall(r"[A-Za-z]+", row)}
    return words | {f"{word}s" for word in words} | {"user", "member", "record", "page", "settings", "type", "answer"}


def first_sentence(docstring: str) -> str:
    """Up to the first full stop that ends something."""
    paragraph = " ".join(docstring.split("\n\n")[0].split())
    return re.split(r"(?<=[.!?])\s", paragraph, maxsplit=1)[0]


def riddles() -> list[str]:
    """Where a first sentence does not stand by itself, with the sentence."""
    words, found = glossary(), []
    for source in sources():
        texts = [(source.name, ast.get_docstring(source.tree))]
        public = (each for each in definitions(source) if each.is_public)
        texts += [(each.name, ast.get_docstring(each.node)) for each in public]
        for name, docstring in texts:
            sentence = first_sentence(docstring) if docstring else "See nothing."
            said = re.findall(r"[\w'-]+", sentence)
            refers = said[:1] and said[0] in REFERS and not sentence.startswith(STANDS)
            is_short = len(said) < FEWEST_WORDS and not {word.lower() for word in said} & words
            if not sentence.startswith("See ") and (refers or is_short):
                found.append(f"{name}: {sentence}")
    return found


def test_a_first_sentence_stands_by_itself() -> None:
    assert not (found := riddles()), named(found, "Say what it is or does, in words that need no other sentence:")


def test_a_riddle_is_found_and_a_sentence_is_not() -> None:
    assert first_sentence("It arrived.\n\nMore.") == "It arrived."
    assert first_sentence("The mirror: kept\nup. More.") == "The mirror: kept up."
    assert "topic" in glossary()
    assert "delivery" in glossary()
