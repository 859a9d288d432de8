"""``init``: a configuration that holds as it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.command_line import command


def test_what_init_writes_passes_its_own_check_and_its_own_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = command("init", "here")
    assert made.code == 0
    monkeypatch.chdir(tmp_path / "here")
    checked = command("check")
    assert (checked.code, checked.err) == (0, "")
    tested = command("rules", "test")
    assert tested.code == 0
    assert "2 tests: 2 passed" in tested.out


def test_init_names_what_it_wrote_and_what_to_do_next(tmp_path: Path) -> None:
    said = command("init", str(tmp_path / "new"))
    assert f"✓ 6 files written to {tmp_path}/new" in said.out
    assert f"Next: ams-bridge -c {tmp_path}/new/bridge.yaml check" in said.out
    listed = command("init", str(tmp_path / "other"), "--json").value["files"]
    assert {Path(name).name for name in listed} == {
        "bridge.yaml",
        "alerts.yaml",
        "alert.md.j2",
        "service-token",
        "prometheus-token",
        "rules.schema.json",
    }


def test_tokens_are_for_their_owner_only_and_never_the_same(tmp_path: Path) -> None:
    for name in ("one", "two"):
        command("init", str(tmp_path / name))
    tokens = [tmp_path / name / "service-token" for name in ("one", "two")]
    assert {oct(token.stat().st_mode & 0o777) for token in tokens} == {"0o600"}
    assert len({token.read_text() for token in tokens}) == 2


def test_nothing_that_stands_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "bridge.yaml").write_text("mine")
    said = command("init", str(tmp_path))
    assert said.code == 1
    assert said.err == (
        f"error  these exist already: {tmp_path}/bridge.yaml. Nothing was written; choose an empty folder.\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["bridge.yaml"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = command("init", str(tmp_path / "file" / "below"))
    assert said.code == 1
    assert "Not a directory" in said.err
