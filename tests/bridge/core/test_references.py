"""References in settings: what they stand for, where they look, and what they say when there is nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bridge.core.references import ReferenceSources, Resolver
from rules.source.places import read_yaml


def a_resolver(text: str, folder: Path, credentials: Path | None = None, **environ: str) -> tuple[Resolver, Any]:
    document = read_yaml(text, "bridge.yaml")
    resolver = Resolver(document, ReferenceSources(environ, credentials, folder))
    return resolver, resolver.resolve(document.value)


def the_problem(text: str, folder: Path, credentials: Path | None = None, **environ: str) -> str:
    resolver, value = a_resolver(text, folder, credentials, **environ)
    (problem,) = resolver.problems
    assert value == read_yaml(text, "bridge.yaml").value
    assert resolver.missing == {("a",)}
    return str(problem)


def test_a_variable_of_the_environment(tmp_path: Path) -> None:
    resolver, value = a_resolver("{a: '${env:A}', b: ['x', 'user:${env:B}@${env:A}'], c: 5}", tmp_path, A="1", B="2")
    assert value == {"a": "1", "b": ["x", "user:2@1"], "c": 5}
    assert resolver.found == {("a",), ("b", 1)}
    assert (resolver.problems, resolver.missing, resolver.empty) == ([], set(), {})


def test_a_file_relative_to_the_settings_or_absolute_without_its_last_line_break(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret text\r\n")
    _, value = a_resolver(f"{{a: '${{file:token}}', b: '${{file:{tmp_path}/token}}'}}", tmp_path)
    assert value == {"a": "secret text", "b": "secret text"}


def test_a_credential_of_systemd(tmp_path: Path) -> None:
    (tmp_path / "hook").write_text("https://chat.example.org/hooks/abc\n")
    _, value = a_resolver("a: ${credential:hook}", Path("/nowhere"), tmp_path)
    assert value == {"a": "https://chat.example.org/hooks/abc"}


def test_what_a_reference_stands_for_is_not_looked_through_again(tmp_path: Path) -> None:
    _, value = a_resolver("a: ${env:A}", tmp_path, A="${env:B}", B="no")
    assert value == {"a": "${env:B}"}


def test_keys_are_left_alone(tmp_path: Path) -> None:
    resolver, value = a_resolver("{'${env:A}': x}", tmp_path, A="1")
    assert value == {"${env:A}": "x"}
    assert resolver.found == set()


@pytest.mark.parametrize("said", ["$", "${", "$env:A", "$ {env:A}", "{env:A}", "${env:A"])
def test_what_only_looks_like_a_reference_stays(said: str, tmp_path: Path) -> None:
    resolver, value = a_resolver(f"a: '{said}'", tmp_path, A="1")
    assert value == {"a": said}
    assert resolver.problems == []


@pytest.mark.parametrize("content", ["", "  ", "\n\n"])
def test_one_that_stands_for_nothing_is_remembered(content: str, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text(content)
    resolver, _ = a_resolver("a: x${file:empty}", tmp_path)
    assert resolver.empty == {("a",): "${file:empty}"}
    assert resolver.problems == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("${env:NOPE}", "${env:NOPE}: the environment has no variable NOPE"),
        ("${env:}", "${env:}: a name is missing after the colon"),
        ("${env}", "${env}: a name is missing after the colon"),
        ("${ENV:A}", '${ENV:A}: "ENV" is no kind of reference; did you mean "env"? write ${env:NAME}, ${file:PATH} or'),
        ("${vault:A}", '${vault:A}: "vault" is no kind of reference; write ${env:NAME}, ${file:PATH} or'),
        ("${file:nope}", "${file:nope}: cannot read FOLDER/nope: No such file or directory"),
        ("${file:.}", "${file:.}: cannot read FOLDER: Is a directory"),
        ("${file:bytes}", "${file:bytes}: cannot read FOLDER/bytes: it is not UTF-8 text"),
        ("${file:large}", "${file:large}: FOLDER/large is too large for a secret"),
        ("${credential:nope}", "${credential:nope}: cannot read FOLDER/nope: No such file or directory"),
        ("${credential:../x}", "${credential:../x}: a credential's name has no slash"),
    ],
)
def test_what_is_not_there_is_told_with_its_place_and_stays_as_it_is(said: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_text("x" * (1 << 20) + "x")
    problem = the_problem(f"a: '{said}'", tmp_path, tmp_path).replace(str(tmp_path), "FOLDER")
    assert problem.startswith(f"bridge.yaml:1:4  a  {told}")


def test_without_systemd_a_credential_says_what_to_do(tmp_path: Path) -> None:
    problem = the_problem("a: ${credential:hook}", tmp_path)
    assert "there is no credentials folder ($CREDENTIALS_DIRECTORY)" in problem
    assert problem.endswith("under systemd add LoadCredential=hook:/path to the unit")
