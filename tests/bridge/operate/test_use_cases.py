"""What operators do, asked of the use cases themselves: records come back, and errors carry what they are about."""

from __future__ import annotations

import ast
from pathlib import Path

import msgspec
import pytest

from bridge.control.http_answers import STATUSES, code_of
from bridge.operate import operator_errors
from bridge.operate.open_incidents import list_incidents, take_open_incident
from bridge.operate.operator_context import OperatorContext, Requester
from bridge.operate.operator_deliveries import DeliveryFilter, drop_deliveries, list_deliveries, show_delivery
from bridge.operate.operator_errors import InvalidInput, NoSuchThing, OperateError, ReloadFailed
from bridge.operate.operator_silences import begin_silence, end_silence, list_silences, silence_span
from bridge.operate.take_up_files import reload_files
from tests.fakes.control import a_daemon, decided
from tests.house.reading import ROOT
from tests.line.stage import Stage

ANN = Requester("ann", "192.0.2.1")
NOW_US = 1_000_000_000


def context_of(stage: Stage) -> OperatorContext:
    daemon = stage.daemon
    return OperatorContext(
        store=daemon.store,
        broker=daemon.broker,
        clock=daemon.clock,
        in_force=daemon.in_force,
        couriers=dict,
        destinations=lambda: {name: route.destination for name, route in daemon.couriers.routes.items()},
        health=daemon.readiness.report,
        supervisor=daemon.supervisor,
        lately=daemon.lately,
        reload=daemon.reloader.reload,
        audit=daemon.audit,
    )


async def test_a_silence_is_begun_and_ended_and_both_are_on_the_trail(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, {"host": "web1", "status": "CRITICAL"}, deliveries=1)
        context = context_of(stage)
        span = silence_span(context.clock.wall_us(), starts_us=None, until_us=None, for_s=600)
        added = await begin_silence(context, ANN, {"rule": "hosts"}, span, why="works")
        assert (added.silence.who, added.silence.state, added.covers.incidents) == ("ann", "active", 1)
        assert [one.id for one in list_silences(context, with_expired=False).silences] == [added.silence.id]
        assert (await end_silence(context, ANN, added.silence.id)).state == "expired"
        assert list_silences(context, with_expired=False).silences == []
        assert context.audit is not None
        entries, _ = await context.audit.list_newest(10)
        assert [(one.entry.what, one.entry.who, one.entry.address) for one in entries][:2] == [
            ("silence.expire", "ann", "192.0.2.1"),
            ("silence.add", "ann", "192.0.2.1"),
        ]


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"starts_us": None, "until_us": None, "for_s": None}, "until"),
        ({"starts_us": None, "until_us": NOW_US + 1, "for_s": 1.0}, "until"),
        ({"starts_us": None, "until_us": None, "for_s": 0.0}, "for_s"),
        ({"starts_us": None, "until_us": None, "for_s": 1e300}, "for_s"),
        ({"starts_us": None, "until_us": NOW_US, "for_s": None}, "until"),
        ({"starts_us": None, "until_us": 10**20, "for_s": None}, "until"),
        ({"starts_us": NOW_US + 2, "until_us": NOW_US + 1, "for_s": None}, "until"),
        ({"starts_us": 0, "until_us": None, "for_s": 1.0}, "for_s"),
    ],
)
def test_a_span_that_cannot_be_names_the_place(given: dict[str, float | None], place: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        silence_span(NOW_US, **given)  # type: ignore[arg-type]
    assert caught.value.place == place


async def test_matchers_that_nobody_can_read_are_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        context = context_of(stage)
        span = silence_span(context.clock.wall_us(), starts_us=None, until_us=None, for_s=60)
        with pytest.raises(InvalidInput) as caught:
            await begin_silence(context, ANN, {"rule": {"lik": "x"}}, span)
        assert caught.value.place == "matchers"
        assert list_silences(context, with_expired=True).silences == []


async def test_an_incident_is_taken_in_the_askers_name_and_shows_it(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, {"host": "web1", "status": "CRITICAL"}, deliveries=1)
        context = context_of(stage)
        assert await take_open_incident(context, ANN, "hosts", "web1") == "ann"
        (incident,) = (await list_incidents(context)).incidents
        assert (incident.key, incident.taken_by) == ("web1", "ann")
        with pytest.raises(NoSuchThing) as caught:
            await take_open_incident(context, ANN, "hosts", "web2")
        assert (caught.value.kind, caught.value.name) == ("incident", "web2")


async def test_deliveries_are_named_by_ids_or_by_a_filter_and_never_by_neither_or_both(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        (delivery_id,) = await decided(stage, {"host": "web1", "status": "CRITICAL"}, deliveries=1)
        context = context_of(stage)
        for ids, wanted in (([], None), ([], DeliveryFilter()), ([delivery_id], DeliveryFilter(rule="hosts"))):
            with pytest.raises(InvalidInput) as caught:
                await drop_deliveries(context, ANN, ids, wanted)
            assert caught.value.place == "ids"
        assert await drop_deliveries(context, ANN, [], DeliveryFilter(state="waiting", rule="hosts")) == 1
        assert (await show_delivery(context, delivery_id)).delivery.by == "ann"
        assert (await list_deliveries(context, DeliveryFilter(state="dropped"))).deliveries[0].id == delivery_id


async def test_a_reload_that_is_refused_raises_with_what_was_refused(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        (tmp_path / "rules.d" / "rules.yaml").write_text("rules: [{nam: x}]")
        with pytest.raises(ReloadFailed) as caught:
            await reload_files(context_of(stage), ANN)
        assert "nam" in caught.value.refused.problems


def kinds_of_errors() -> list[type[OperateError]]:
    found = [value for value in vars(operator_errors).values() if isinstance(value, type)]
    return [one for one in found if issubclass(one, OperateError) and one is not OperateError]


@pytest.mark.parametrize("kind", kinds_of_errors())
def test_every_error_of_a_use_case_has_its_status(kind: type[OperateError]) -> None:
    assert code_of(kind.__new__(kind)) in STATUSES


def test_every_record_of_a_use_case_is_frozen() -> None:
    structs = [one for one in msgspec.Struct.__subclasses__() if one.__module__.startswith("bridge.operate.")]
    assert structs
    assert [one.__name__ for one in structs if not one.__struct_config__.frozen] == []


def test_no_use_case_speaks_of_requests_answers_or_json() -> None:
    found = set()
    for path in (ROOT / "bridge" / "operate").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in ("json", "request", "query_params", "path_params"):
                found.add(path.name)
    assert found == {"operator_silences.py"}  # how large matchers are is measured in JSON
