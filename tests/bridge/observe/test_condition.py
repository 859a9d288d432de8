"""What surrounds the daemon: disk, descriptors and certificates, each judged with a sentence that says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from bridge.app.certificate import make_self_signed
from bridge.core.offload import Offload
from bridge.observe.condition import (
    DaemonCondition,
    Descriptors,
    judge_certificate,
    judge_descriptors,
    judge_disk,
    look_around,
)
from broker.clock import US_PER_S, ManualClock
from broker.engines.sqlite.examine import Sizes

_DAY_US = 86_400 * US_PER_S
_MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("free", "wal", "state"), [(500, 100, "ok"), (100, 100, "wrong"), (63, 0, "wrong"), (64, 0, "ok")]
)
def test_a_disk_must_have_room_for_the_log_once_more(free: int, wal: int, state: str) -> None:
    found = judge_disk(Sizes(store_bytes=10 * _MIB, wal_bytes=wal * _MIB, free_bytes=free * _MIB))
    assert found.state == state
    assert f"{free} MiB left" in found.text
    assert ("make room" in found.text) is (state == "wrong")


@pytest.mark.parametrize(("opened", "state"), [(900, "ok"), (1_000, "wrong")])
def test_descriptors_must_be_left_for_what_comes(opened: int, state: str) -> None:
    found = judge_descriptors(Descriptors(opened, 1_024))
    assert (found.state, found.text.startswith(f"{opened} of 1024")) == (state, True)


@pytest.mark.parametrize(
    ("days", "state", "text"),
    [
        (0, "ok", "is valid until"),
        (820, "warning", "is valid until"),
        (900, "wrong", "expired on"),
        (-10, "wrong", "is valid from"),
    ],
)
def test_a_certificate_is_told_before_it_ends(tmp_path: Path, days: int, state: str, text: str) -> None:
    now_us = ManualClock().wall_us()
    certificate, _ = make_self_signed(tmp_path, [], now_us)
    found = judge_certificate(certificate, now_us + days * _DAY_US)
    assert found.state == state
    assert text in found.text


def test_a_certificate_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text("none")
    assert judge_certificate(tmp_path / "c.pem", 0).text.endswith("it is no PEM certificate")
    assert "No such file" in judge_certificate(tmp_path / "missing.pem", 0).text


async def test_what_is_not_well_is_degraded_and_the_rest_is_in_metrics(tmp_path: Path) -> None:
    clock = ManualClock()
    (tmp_path / "bridge.db").write_bytes(b"x" * 4_096)
    condition = DaemonCondition(clock, tmp_path / "bridge.db", [tmp_path / "missing.pem"])
    assert condition.describe_degraded() == ""
    await condition.look(Offload(clock, "test"))
    assert "missing.pem cannot be read" in condition.describe_degraded()
    registry = CollectorRegistry()
    registry.register(condition)
    page = generate_latest(registry).decode()
    assert "ams_bridge_store_bytes 4096.0" in page
    assert "ams_bridge_wal_bytes 0.0" in page
    assert "ams_bridge_descriptors_open" in page


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    found = look_around(tmp_path / "gone" / "bridge.db", [], 0)
    assert [(one.check, one.state) for one in found if one.state != "ok"] == [("disk", "wrong")]
