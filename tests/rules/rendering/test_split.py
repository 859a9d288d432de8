from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rules.rendering.split import CUT_NOTE, cut_text, split_text

WORDS = st.text(alphabet="ab \n`~#_é\u0301👍\u200d\\", max_size=400)
LINE = st.sampled_from(["word " * 20, "", "```json", "```", "~~~~", "short", "x" * 150, "  indented"])
LINES = st.lists(LINE, max_size=40)


def bare(text: str) -> str:
    return re.sub(r"\s+", "", text)


@given(WORDS, st.integers(1, 60))
@settings(max_examples=200)
def test_every_part_fits_and_no_part_is_empty(text: str, room: int):
    parts = split_text(text, room)
    assert all(len(part) <= room for part in parts)
    assert all(parts) or parts == ("",)


@given(WORDS, st.integers(1, 60))
@settings(max_examples=200)
def test_only_blanks_and_newlines_are_lost(text: str, room: int):
    assert bare("".join(split_text(text, room))) == bare(text)


@given(LINES, st.integers(256, 600))
@settings(max_examples=100)
@example(["```json", *["x" * 100] * 9, "```"], 256)
def test_a_part_of_text_with_code_blocks_fits_and_loses_nothing_but_gains_fences(lines: list[str], room: int):
    text = "\n".join(lines)
    parts = split_text(text, room)
    assert all(len(part) <= room for part in parts)
    without_fences = re.compile(r"(?m)^(```json|```|~~~~)$")
    assert bare(without_fences.sub("", "\n".join(parts))) == bare(without_fences.sub("", text))


@given(WORDS, st.integers(1, 60))
@settings(max_examples=200)
def test_a_cut_text_fits(text: str, room: int):
    assert len(cut_text(text, room)) <= room


def test_a_text_that_fits_is_one_part():
    assert split_text("all of it", 9) == ("all of it",)


def test_parts_end_between_paragraphs_first():
    assert split_text("one one\ntwo\n\nthree three", 16) == ("one one\ntwo", "three three")


def test_parts_end_between_lines_then_between_words():
    assert split_text("one one\ntwo two two", 12) == ("one one", "two two two")
    assert split_text("one two three", 8) == ("one two", "three")


def test_a_word_longer_than_a_part_is_cut():
    assert split_text("abcdefgh", 3) == ("abc", "def", "gh")


@pytest.mark.parametrize("together", ["e\u0301", "👍🏽", "👩\u200d💻", "\\*"])
def test_a_character_is_not_torn_from_its_accent_its_colour_or_its_escape(together: str):
    first, second = split_text(f"aaaa{together}", 5)
    assert (first, second) == ("aaaa", together)


def test_a_code_block_is_closed_and_opened_again():
    code = "\n".join(f"    line {n:03}" for n in range(40))
    parts = split_text(f"before\n```python\n{code}\n```\nafter", 300)
    assert len(parts) > 1
    for part in parts:
        assert part.count("```") % 2 == 0
    assert all(part.startswith("```python\n    line") for part in parts[1:])


def test_a_cut_code_block_is_closed_before_the_note():
    cut = cut_text("```\n" + "line\n" * 200 + "```", 300)
    assert cut.endswith(f"\n```\n{CUT_NOTE}")
    assert len(cut) <= 300


def test_a_cut_text_says_that_it_is_cut():
    assert cut_text("one two three", 11, note="...") == "one two ..."
