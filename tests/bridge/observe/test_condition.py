"""What surrounds the daemon: disk, descriptors and certificates, each judged with a sentence that says what to do."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from bridge.app.certificate import make_self_signed
from bridge.core.offload import Offload
from bridge.observe.certificate_ends import CertificateFile, judge_certificate
from bridge.observe.condition import (
    DaemonCondition,
    Descriptors,
    judge_descriptors,
    judge_disk,
    look_around,
)
from broker.clock import US_PER_S, ManualClock
from broker.engines.sqlite.examine import Sizes
from tests.fakes.certificates import TestAuthority

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
    file = CertificateFile("server.tls", certificate, is_shown=True)
    found = judge_certificate(file, now_us + days * _DAY_US)
    assert found.state == state
    assert text in found.text


def test_a_certificate_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text("none")
    none, missing = (
        CertificateFile("push.ca_file", tmp_path / name, is_shown=False) for name in ("c.pem", "missing.pem")
    )
    assert judge_certificate(none, 0).text.endswith("it is no PEM certificate")
    assert "No such file" in judge_certificate(missing, 0).text


def test_a_chain_holds_as_long_as_its_shortest_link_and_a_bundle_as_its_longest(tmp_path: Path) -> None:
    authority, now_us = TestAuthority(tmp_path), us_of(dt.datetime(2030, 1, 1, tzinfo=dt.UTC))
    soon = authority.server(ends=dt.datetime(2030, 1, 5, tzinfo=dt.UTC)).certificate.read_bytes()
    both = tmp_path / "both.pem"
    both.write_bytes(authority.certificate.read_bytes() + soon)
    shown = judge_certificate(CertificateFile("server.tls.certificate", both, is_shown=True), now_us)
    trusted = judge_certificate(CertificateFile("push.ca_file", both, is_shown=False), now_us)
    assert (shown.state, trusted.state) == ("warning", "ok")
    assert f"server.tls.certificate: {both} is valid until 2030-01-05, 4 days" in shown.text
    assert f"push.ca_file: {both} is valid until 2119-12-08" in trusted.text


def us_of(moment: dt.datetime) -> int:
    return int(moment.timestamp()) * US_PER_S


async def test_what_is_not_well_is_degraded_and_the_rest_is_in_metrics(tmp_path: Path) -> None:
    clock = ManualClock()
    (tmp_path / "bridge.db").write_bytes(b"x" * 4_096)
    files = [CertificateFile("push.ca_file", tmp_path / "missing.pem", is_shown=False)]
    files.append(CertificateFile("server.tls", make_self_signed(tmp_path, [], clock.wall_us())[0], is_shown=True))
    condition = DaemonCondition(clock, tmp_path / "bridge.db", lambda: files)
    assert condition.describe_degraded() == ""
    await condition.look(Offload(clock, "test"))
    assert "missing.pem cannot be read" in condition.describe_degraded()
    registry = CollectorRegistry()
    registry.register(condition)
    page = generate_latest(registry).decode()
    assert "ams_bridge_store_bytes 4096.0" in page
    assert "ams_bridge_wal_bytes 0.0" in page
    assert "ams_bridge_descriptors_open" in page
    ends_s = clock.wall_us() // US_PER_S + 825 * 86_400
    (end,) = (line for line in page.splitlines() if line.startswith("ams_bridge_certificate_expires_seconds{"))
    assert end.startswith('ams_bridge_certificate_expires_seconds{setting="server.tls"} ')
    assert float(end.rpartition(" ")[2]) == ends_s
    assert 'setting="push.ca_file"' not in page


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    found = look_around(tmp_path / "gone" / "bridge.db", [], 0)
    assert [(one.check, one.state) for one in found if one.state != "ok"] == [("disk", "wrong")]
