"""What others say is one line that a terminal, a log and a page can show."""

from __future__ import annotations

import pytest

from bridge.core.plain_reason import is_harmless, plain_reason
from bridge.destinations.base import Later, Refused


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("no such hook", "no such hook"),
        ("two\nlines\r\n and\ttabs ", "two lines and tabs"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[1;1Hgone", "gone"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred", "red"),
        ("\x1bcreset", "reset"),
        ("a\x00b\x07c\x7fd\x85e", "abcd e"),
        ("user\u202egnp.exe", "usergnp.exe"),
        ("\u2066iso\u2069late\u200f", "isolate"),
        ("a\u2028b\u2029c", "a b c"),
        ("\ufeffbom", "bom"),
        ("half \ud800", "half"),
        ("Gr\u00fc\u00dfe \u4f60\u597d \U0001f525", "Gr\u00fc\u00dfe \u4f60\u597d \U0001f525"),
    ],
)
def test_only_what_can_be_shown_stays(said: str, shown: str) -> None:
    assert plain_reason(said) == shown
    assert is_harmless(plain_reason(said))


@pytest.mark.parametrize("kind", [Later, Refused])
def test_every_outcome_has_such_a_reason(kind: type[Later | Refused]) -> None:
    assert kind("SMTP 550 \x1b[31mno\u202e").reason == "SMTP 550 no"
