"""docs/data-model.md is what migrations, queries and records say, and leaves nothing out."""

from __future__ import annotations

from bridge.app.certificate import CERTIFICATE_FILE
from bridge.app.state_folder import SEALING_KEY_FILE
from rules.deciding.quiet.rows import _RECORDS
from tests.docs.data_model import HOLDS, PAGE, ROWS, page, tables, users_of


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text() == page(), "write it anew: python -m tests.docs.data_model"


def test_every_table_is_told_written_by_somebody_and_read_by_somebody() -> None:
    assert sorted(HOLDS) == sorted(tables())
    assert [table for table in tables() if not all(users_of(table))] == []


def test_every_row_of_state_is_told() -> None:
    assert {name[0]: record for name, (record, _) in ROWS.items()} == _RECORDS


def test_the_files_beside_the_store_have_their_names() -> None:
    assert all(f"| `{name}` |" in PAGE.read_text() for name in (SEALING_KEY_FILE, CERTIFICATE_FILE))
