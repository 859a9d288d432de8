"""The tables of states are what the page draws and what the code does: no other step happens, and each one does."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, get_args

import pytest

from bridge.api.push_config import change_push_config, new_push_config
from bridge.api.wire import PushConfigRequest
from bridge.app.provision import push_config
from bridge.core.push_trouble import PushTrouble
from bridge.core.secret import Secret
from bridge.delivery.circuit_breaker import BREAKER_STEPS, BreakerStage, CircuitBreaker
from bridge.destinations.base import Delivered, Later, Outcome, Refused
from bridge.destinations.config import BreakerSettings
from bridge.push.push_stages import (
    PUSH_STEPS,
    NoSuchPushStep,
    PushStage,
    PushStep,
    may_push,
    push_stage,
    push_stage_after,
)
from bridge.routing.commit_batch import Batch, RoutedTopic
from bridge.routing.ledger import MessageBook
from bridge.routing.message_fates import (
    DECIDING_STEPS,
    FATES,
    MESSAGE_STEPS,
    MessageStage,
    MessageState,
    MessageStep,
    NoSuchMessageStep,
    message_state_after,
)
from bridge.settings.model import PushToSettings
from broker.delivery_states import DELIVERY_STEPS, DeliveryStage, DeliveryStep, NoSuchStep, can, state_after
from broker.engines.settling import end_delivery, revive_delivery
from broker.model import Delivery, DeliveryState
from broker.records import PushConfig
from rules.deciding.decision_builder import DecideContext, Draft
from rules.deciding.quiet import incidents
from rules.deciding.quiet.incident_stages import (
    INCIDENT_STEPS,
    IncidentStage,
    IncidentStep,
    NoSuchIncidentStep,
    check_incident_step,
    incident_stage,
)
from rules.deciding.quiet.rows import Incident, KeyRow, row_from_bytes
from rules.deciding.state_keys import RowNames
from rules.model import Decision, Incoming, MessageFate
from tests.docs.pictures import MACHINES, PAGE, Machine, marks, with_pictures
from tests.fakes.deliveries import a_new_delivery
from tests.fakes.events import an_event
from tests.fakes.rule_sets import Line, a_rule_set, a_silence

STATES: tuple[DeliveryState, ...] = get_args(DeliveryState)
STAGES: tuple[DeliveryStage, ...] = ("", "leased", *STATES)
STEPS: tuple[DeliveryStep, ...] = get_args(DeliveryStep)


def test_the_page_draws_the_tables_as_they_are() -> None:
    assert marks(PAGE.read_text()) == list(MACHINES)
    assert with_pictures(PAGE.read_text()) == PAGE.read_text(), "python -m tests.docs.pictures writes them anew"


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_every_state_can_be_reached(machine: Machine) -> None:
    reached = {machine.start}
    while more := {to for (state, _), to in machine.steps.items() if state in reached} - reached:
        reached |= more
    assert reached == machine.states


# --- Deliveries ---------------------------------------------------------------------------------------------


def test_the_table_of_deliveries_knows_every_state_and_every_step() -> None:
    assert {stage for stage, _ in DELIVERY_STEPS} | set(DELIVERY_STEPS.values()) == set(STAGES)
    assert {step for _, step in DELIVERY_STEPS} == set(STEPS)


@pytest.mark.parametrize(("stage", "step"), list(itertools.product(STAGES, STEPS)))
def test_a_step_that_is_not_in_the_table_is_refused(stage: DeliveryStage, step: DeliveryStep) -> None:
    assert can(stage, step) == ((stage, step) in DELIVERY_STEPS)
    if can(stage, step):
        assert state_after(stage, step) == DELIVERY_STEPS[stage, step].replace("leased", "waiting")
    else:
        with pytest.raises(NoSuchStep):
            state_after(stage, step)


@pytest.mark.parametrize("state", STATES)
def test_the_engines_end_and_revive_only_what_the_table_lets_them(state: DeliveryState) -> None:
    delivery = Delivery(a_new_delivery("d"), 1, state, 0)
    for step in ("folded", "cancelled", "silenced", "dropped"):
        if can(state, step):
            assert end_delivery(delivery, step, "who", 1).state == DELIVERY_STEPS[state, step]
        else:
            with pytest.raises(NoSuchStep):
                end_delivery(delivery, step, "who", 1)
    if state == "dead":
        assert revive_delivery(delivery, 1).state == "waiting"
    else:
        with pytest.raises(NoSuchStep):
            revive_delivery(delivery, 1)


# --- The breaker --------------------------------------------------------------------------------------------


def test_a_breaker_takes_every_step_of_its_table_and_no_other() -> None:
    rng, taken = random.Random(7), set[tuple[BreakerStage, BreakerStage]]()  # noqa: S311 - to play with
    outcomes: list[Outcome] = [
        Delivered(), Later("down"), Later("slow", throttled=True), Later("wrong", misconfigured=True),
        Refused("gone", destination_gone=True), Refused("no"),
    ]  # fmt: skip
    for _ in range(200):
        breaker, tickets, now = CircuitBreaker(BreakerSettings(failures=3, probe_every=1.0)), list[int](), 0.0
        for _ in range(60):
            before, now = breaker.stage, now + rng.choice([0.0, 0.5, 30.0])
            room = breaker.room(now)
            if (room is None or room > 0) and rng.random() < 0.6:
                tickets.append(breaker.begin())
            elif tickets:
                ticket = tickets.pop(rng.randrange(len(tickets)))
                if rng.random() < 0.1:
                    breaker.abandon(ticket)
                else:
                    breaker.learn(ticket, rng.choice(outcomes), now)
            taken.add((before, breaker.stage))
    assert taken == {(stage, to) for (stage, _), to in BREAKER_STEPS.items()} | {("open", "open")}


# --- Incidents ----------------------------------------------------------------------------------------------

RULES = """
rules:
  - name: r
    match: {$.s: X}
    resolved: {$.s: OK}
    key: "{{ data.k }}"
    send: [ops, mail]
    forget_after: 2h
    silenced_ends: wait
"""


def stages(line: Line) -> dict[str, str]:
    """The stage of each key's incident."""
    keys = [key for key in line.rehearsal.state._rows if key.startswith("k/")]
    values = line.rehearsal.state.read(keys, line.now_us)
    rows = {key: row_from_bytes("k", value.value) for key, value in values.items() if value.value}
    return {row.key: incident_stage(row) for row in rows.values() if isinstance(row, KeyRow)}


def test_incidents_take_every_step_of_their_table_and_no_other() -> None:
    rng, taken = random.Random(11), set[tuple[str, str]]()  # noqa: S311 - to play with
    for _ in range(60):
        line = Line(a_rule_set(RULES))
        for _ in range(30):
            before = stages(line)
            match rng.randrange(6):
                case 0:
                    line.silence(a_silence({"rule": "r", "destination": rng.choice(["ops", "mail"])}))
                case 1:
                    line.silence()
                case 2:
                    line.wait(rng.choice([60, 1_200, 9_000]))
                case _:
                    line.take({"s": rng.choice(["X", "X", "OK"]), "k": rng.choice("ab")})
            after = stages(line)
            for key in before.keys() | after.keys():
                taken.add((before.get(key, "none"), after.get(key, "none")))
    rests = {("none", "none"), ("fires", "fires"), ("over", "over")}
    assert taken - rests == {(stage, to) for (stage, _), to in INCIDENT_STEPS.items()} - rests


def a_row(stage: IncidentStage) -> KeyRow:
    """A row whose incident is at this stage."""
    row = KeyRow("a")
    if stage != "none":
        row.incident = Incident(1, 1, b"", "v", "j")
        row.incident.ended = "" if stage == "fires" else "resolved"
    return row


@pytest.mark.parametrize(
    ("before", "step", "after"),
    list(itertools.product(get_args(IncidentStage), get_args(IncidentStep), get_args(IncidentStage))),
)
def test_a_step_of_an_incident_that_is_not_in_the_table_is_refused(
    before: IncidentStage, step: IncidentStep, after: IncidentStage
) -> None:
    assert incident_stage(a_row(after)) == after
    if INCIDENT_STEPS.get((before, step)) == after:
        check_incident_step(before, step, a_row(after))
    else:
        with pytest.raises(NoSuchIncidentStep):
            check_incident_step(before, step, a_row(after))


def test_an_incident_that_does_not_fire_cannot_end() -> None:
    rule_set = a_rule_set(RULES)
    rule = rule_set.rules[0]
    stages: tuple[IncidentStage, ...] = ("none", "over")
    for stage in stages:
        draft = Draft(rule_set, {}, DecideContext(1), "a")
        with pytest.raises(NoSuchIncidentStep):
            incidents.end(draft, rule, a_row(stage), RowNames(), an_event({"k": "a"}), "stale")


# --- Push subscriptions -------------------------------------------------------------------------------------

HTTP = PushConfigRequest(push_endpoint="https://a.example/in")
OTHER = PushConfigRequest(push_endpoint="https://b.example/in")
MATTERMOST = PushConfigRequest(type="mattermost", mattermost_url="https://chat.example/hooks/x")


def changes(push: PushConfig) -> Iterator[tuple[str, PushConfig]]:
    """What a configuration may become, by the step."""
    for request in (HTTP, OTHER, MATTERMOST):
        made = change_push_config(request, push, _entropy) if push.type else new_push_config(request, _entropy)
        if made.endpoint == push.endpoint and made.type == push.type == "http_endpoint":
            continue
        yield f"is given {'an endpoint' if made.endpoint else 'a Mattermost hook'}", made
    vouched = push_config(PushToSettings(url=Secret("https://c.example/in")))
    yield "the settings vouch for its endpoint", vouched
    if push.type:
        yield "is taken off", PushConfig()


def _entropy(n: int) -> bytes:
    return bytes(n)


def test_a_push_subscription_takes_the_steps_of_its_table() -> None:
    """Its configuration by what the API makes of it; what pushes come to is asked in tests/bridge/push."""
    from msgspec.structs import replace

    taken: dict[Any, str] = {}
    proven = replace(new_push_config(HTTP, _entropy), verified=True)
    known = [PushConfig(), new_push_config(HTTP, _entropy), proven, new_push_config(MATTERMOST, _entropy)]
    for push, trouble in itertools.product(known, (None, PushTrouble(0, "down"))):
        before = push_stage(push, trouble)
        for step, made in changes(push):
            taken[before, step] = push_stage(made, trouble if before == "failing" else None)
        if before == "unverified":
            taken[before, "its owner proves the endpoint"] = push_stage(replace(push, verified=True), None)
        if before in ("active", "failing"):
            taken[before, "a push fails"] = push_stage(push, PushTrouble(0, "down"))
            taken[before, "a push succeeds"] = push_stage(push, None)
    assert taken == PUSH_STEPS


@pytest.mark.parametrize(("stage", "step"), list(itertools.product(get_args(PushStage), get_args(PushStep))))
def test_a_step_of_a_push_subscription_that_is_not_in_the_table_is_refused(stage: PushStage, step: PushStep) -> None:
    if (stage, step) in PUSH_STEPS:
        assert push_stage_after(stage, step) == PUSH_STEPS[stage, step]
    else:
        with pytest.raises(NoSuchPushStep):
            push_stage_after(stage, step)


def test_only_what_the_table_lets_succeed_is_pushed() -> None:
    for push in (PushConfig(), new_push_config(HTTP, _entropy), new_push_config(MATTERMOST, _entropy)):
        assert may_push(push) == ((push_stage(push, None), "a push succeeds") in PUSH_STEPS)


# --- Messages -----------------------------------------------------------------------------------------------


def test_the_books_have_a_column_for_every_state_of_a_message() -> None:
    assert {field.name for field in fields(MessageBook)} == {"received", *get_args(MessageState)}
    assert set(FATES) == set(get_args(MessageState)) - {"undecided"}


@pytest.mark.parametrize(
    ("stage", "step"), list(itertools.product(("", *get_args(MessageState)), get_args(MessageStep)))
)
def test_a_step_of_a_message_that_is_not_in_the_table_is_refused(stage: MessageStage, step: MessageStep) -> None:
    if (stage, step) in MESSAGE_STEPS:
        assert message_state_after(stage, step) == MESSAGE_STEPS[stage, step]
    else:
        with pytest.raises(NoSuchMessageStep):
            message_state_after(stage, step)


def a_message() -> Incoming:
    return Incoming("projects/P/topics/T", 7, 0, "{}", {}, "m/t/7")


def test_a_decision_takes_the_step_that_leads_to_its_fate() -> None:
    assert set(DECIDING_STEPS) == set(get_args(MessageFate))
    for fate, step in DECIDING_STEPS.items():
        assert MESSAGE_STEPS["undecided", step] == fate


@pytest.mark.parametrize("first", [*get_args(MessageFate), None])
@pytest.mark.parametrize("second", [*get_args(MessageFate), None])
def test_a_message_has_one_fate_in_a_batch_and_a_second_leaves_nothing_behind(
    first: MessageFate | None, second: MessageFate | None
) -> None:
    """None is the message that cannot be decided."""

    def take(fate: MessageFate | None) -> None:
        if fate is None:
            batch.add_undecidable(a_message(), "KeyError")
        else:
            batch.add(Decision(fate=fate, tally={"dropped": 1}), 7)

    batch = Batch(RoutedTopic("projects/P/topics/T", "t"), "v", 0)
    take(first)
    before = (dict(batch.counters), list(batch.dead))
    assert before[0]["t", first or "decided"] == 1
    with pytest.raises(NoSuchMessageStep):
        take(second)
    assert (dict(batch.counters), batch.dead) == before


def test_timers_and_replays_move_no_message() -> None:
    batch = Batch(RoutedTopic("projects/P/topics/T", "t"), "v", 0)
    for _ in range(2):
        batch.add(Decision(), -1)
        batch.add(Decision(), 7)
    batch.add(Decision(fate="decided"), 7)
    assert batch.counters == {("t", "decided"): 1}


def test_messages_that_nobody_reads_take_their_step_too() -> None:
    batch = Batch(RoutedTopic("projects/P/topics/T", "t"), "v", 0)
    batch.add_unrouted(3)
    batch.add_expired(2)
    batch.add_expired(0)
    assert batch.counters == {("t", "unrouted"): 3, ("t", "expired"): 2}
