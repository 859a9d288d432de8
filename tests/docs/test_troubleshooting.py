"""What the pages of symptoms quote of the daemon is what it says: a text that changes takes its page along."""

from __future__ import annotations

import errno
import os
import re

import pytest

from tests.house.reading import ROOT

OF_THE_SYSTEM = {
    os.strerror(errno.EACCES),
    os.strerror(errno.EADDRINUSE),
    "wrong version number",  # OpenSSL's
    "certificate required",
    "certificate verify failed",
}
PAGES = ["troubleshooting.md", "connect-an-ams-client.md"]


def quoted_symptoms(page: str) -> list[str]:
    """The texts in backquotes of the first column of each table that tells what is said or seen."""
    found = []
    tables = r"^\| (?:The journal says|What is said|The client sees) \|.*\n\|[-|]+\|\n((?:\|.*\n)+)"
    for rows in re.findall(tables, (ROOT / "docs" / page).read_text(), flags=re.MULTILINE):
        for row in rows.splitlines():
            found += re.findall(r"`([^`]+)`", row.split("|")[1])
    return [text for text in found if " " in text or text[0].isupper()]


def all_texts() -> str:
    return "\n".join(path.read_text() for room in ("bridge", "broker") for path in (ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("page", PAGES)
def test_each_quoted_symptom_is_what_the_code_says(page: str) -> None:
    texts = all_texts()
    quoted = quoted_symptoms(page)
    assert len(quoted) >= 4
    assert [text for text in quoted if text not in texts and text not in OF_THE_SYSTEM] == []
