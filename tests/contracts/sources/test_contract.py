"""The built-in kinds are held to the suite that plugins are held to, and so is one that fetches."""

from __future__ import annotations

from bridge.contract.source_contract import RecordedCall, SourceContract
from bridge.sources.source_kinds import KINDS, SourcePlugin
from tests.contracts.sources.queue_source import PLUGIN, queue

JSON = {"content-type": "application/json"}
ALERTS = (
    b'{"version": "4", "status": "firing", "receiver": "ops", "alerts": [{"status": "firing", "labels": {"a": "b"}}]}'
)
PUSH = b'{"ref": "refs/heads/main", "repository": {"full_name": "o/r"}, "commits": []}'
HOOKS = {
    kind: SourcePlugin(1, KINDS[kind].config, KINDS[kind].messages)  # type: ignore[arg-type]
    for kind in KINDS
    if KINDS[kind].messages is not None
}


class TestSources(SourceContract):
    """Every kind of this package that takes calls, and a queue."""

    plugins = {**HOOKS, "queue": PLUGIN}  # noqa: RUF012 - it is the suite that types it
    calls = {  # noqa: RUF012
        "alertmanager": [RecordedCall(ALERTS, JSON)],
        "github": [RecordedCall(PUSH, {**JSON, "x-github-event": "push", "x-github-delivery": "d-1"})],
        "webhook": [
            RecordedCall(b"any text \xff"),
            RecordedCall(b'{"specversion": "1.0"}', {"content-type": "application/cloudevents+json"}),
        ],
    }
    settings = {"github": {"secret": "the-secret-of-the-repository"}}  # noqa: RUF012
    services = {"queue": queue}  # noqa: RUF012


def test_every_kind_is_held_to_this() -> None:
    assert {*TestSources.plugins, "ams"} == {*KINDS, "queue"}  # ams is asked in tests/line/test_ams_source.py
    assert set(TestSources.calls) == set(HOOKS)
