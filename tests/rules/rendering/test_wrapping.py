"""Wrapping gives the lines that textwrap gives."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.templating import rendered


def test_a_word_behind_a_run_of_blanks_that_was_cut_is_whole() -> None:
    assert rendered("{{ data | wordwrap(2) }}", "a   a", mode="plain") == "a\na"


@pytest.mark.parametrize("width", [1, 2, 5, 80])
@given(text=st.text(alphabet="ab-'.! \té—\n", max_size=60))
def test_lines_are_those_of_textwrap(width: int, text: str) -> None:
    expected = "\n".join(
        "\n".join(textwrap.wrap(line, width, expand_tabs=False, replace_whitespace=False)) for line in text.splitlines()
    )
    assert rendered(f"{{{{ data | wordwrap({width}) }}}}", text, mode="plain") == expected
