"""``settings``: no key is left out, and each says what it means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from bridge.cli.settings_run import rows
from bridge.destinations.destination_kinds import KINDS as DESTINATION_KINDS
from bridge.sources.source_kinds import KINDS as SOURCE_KINDS
from tests.fakes.command_line import command
from tests.house.reading import ROOT


def test_every_key_of_every_kind_has_a_meaning() -> None:
    assert [row["key"] for row in rows() if not row["meaning"]] == []
    keys = {row["key"] for row in rows()}
    for section, kinds in (("sources", SOURCE_KINDS), ("destinations", DESTINATION_KINDS)):
        for kind in kinds.values():
            names = {field.alias or name for name, field in kind.config.model_fields.items()}
            assert {f"{section}.NAME.{name}" for name in names} <= keys


def test_defaults_are_written_as_people_write_them() -> None:
    told = {row["key"]: (row["takes"], row["default"]) for row in rows()}
    assert told["server.max_body"] == ("size", "10MiB")
    assert told["retention.messages"] == ("duration", "7d")
    assert told["destinations.NAME.retry.max"] == ("duration", "10m")
    assert told["push.give_up_after"] == ("duration or off", "off")
    assert ("rate", "1/1s") in {(row["takes"], row["default"]) for row in rows()}


def test_every_key_of_our_own_examples_is_told() -> None:
    known = [re.compile(re.escape(row["key"]).replace("NAME", "[^.]+")) for row in rows()]
    for path in (ROOT / "examples").rglob("bridge.yaml"):
        for key in keys_of(path):
            parts = key.split(".")
            told_whole = parts[0] in ("intervals", "rota")
            least = 1 if told_whole else len(parts) - 1  # and headers are told whole, too
            levels = {".".join(parts[:depth]) for depth in range(least, len(parts) + 1)}
            assert any(pattern.fullmatch(level) for pattern in known for level in levels), f"{path}: {key}"


def keys_of(path: Path) -> Iterator[str]:
    """Every key path of a settings file; below a mapping of names the names are left in."""

    def below(value: object, prefix: str) -> Iterator[str]:
        for name, inner in value.items() if isinstance(value, dict) else ():
            if prefix not in named:
                yield f"{prefix}{name}"
            yield from below(inner, f"{prefix}{name}.")

    named = ("projects.", "sources.", "destinations.", "tables.", "intervals.")
    projects = re.compile(r"projects\.[^.]+\.(topics|schemas|subscriptions|users)\.[^.]+$")
    for key in below(yaml.safe_load(path.read_text()), ""):
        if not projects.match(key):
            yield key


def test_some_keys_are_chosen_by_how_they_begin() -> None:
    said = command("settings", "server.tls.")
    assert said.code == 0
    assert [line for line in said.out.splitlines() if not line.startswith(" ")] == [
        "server.tls.certificate  path  needed",
        "server.tls.key  path  needed",
        "server.tls.client_ca  path",
    ]


def test_a_key_that_is_none_is_answered_with_one_that_is() -> None:
    said = command("settings", "sever")
    assert (said.code, said.err) == (1, "error  no key begins with 'sever'; did you mean \"server\"?\n")
