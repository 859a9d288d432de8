"""A missing program is skipped at home and fails in CI."""

from __future__ import annotations

import pytest

from tests.house.requirements import require_program


def test_a_program_that_is_here_is_given_with_its_path() -> None:
    assert require_program("sh", package="dash").endswith("/sh")


def test_a_missing_program_skips_at_home_and_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-server is missing: apt-get install some-package"):
        require_program("no-such-server", package="some-package")


def test_a_missing_program_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-server is missing"):
        require_program("no-such-server", package="some-package")
