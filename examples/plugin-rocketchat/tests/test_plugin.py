"""What is this package's own: the outcome of each answer, the drawn message, the source, the filter, the operator."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from ams_bridge_rocketchat.short_host import short_host
from ams_bridge_rocketchat.uptime_kuma import PLUGIN, uptime_kuma_messages
from ams_bridge_rocketchat.version_below import PLUGIN as VERSION_BELOW
from test_contract import rocketchat, rocketchat_bot

from bridge.contract.observed_trials import observe_trials
from bridge.contract.rig import outcome_text, parcel
from bridge.plugin import BadPayload, Field


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(coroutine)


@pytest.mark.parametrize(
    ("opener", "when", "outcome"),
    [
        (rocketchat, "the integration was deleted", "refused; the destination is gone"),
        (rocketchat, "the token is wrong", "refused; the destination is gone"),
        (rocketchat, "the integration is switched off", "later after 600 s"),
        (rocketchat, "the channel does not exist", "refused"),
        (rocketchat, "another channel is not allowed", "refused"),
        (rocketchat, "200 without success", "later; **unclear**"),
        (rocketchat_bot, "the token is not accepted", "later; a fault of the settings"),
        (rocketchat_bot, "the message is too large", "refused; once more as `plain`"),
    ],
)
def test_an_answer_has_its_outcome(opener: Any, when: str, outcome: str, tmp_path: Path) -> None:
    (seen,) = (one for one in run(observe_trials(opener, tmp_path)) if one.trial.when == when)
    assert outcome_text(seen.outcome) == outcome


def test_a_service_that_names_a_moment_is_left_alone_until_then(tmp_path: Path) -> None:
    (seen,) = (one for one in run(observe_trials(rocketchat, tmp_path)) if one.trial.when.startswith("too fast"))
    assert seen.outcome.throttled
    assert 5 < seen.outcome.after_s <= 9


def test_a_post_is_drawn_as_a_line_and_an_attachment(tmp_path: Path) -> None:
    post = parcel(
        title="**web1** is down",
        text="disk at *98 %*, see [the graph](https://graphs.example.org/1)",
        severity="critical",
        url="https://ui.example.org/1",
        fields=(Field("vo", "ops", short=True), Field("", "left out")),
        mention="@here",
    )

    async def sent() -> Any:
        async with rocketchat(tmp_path) as rig, rig.at_work(alias="bridge") as destination:
            await destination.deliver(post)
            return rig.sent()

    assert run(sent()) == {
        "text": "@here *web1* is down",
        "alias": "bridge",
        "attachments": [
            {
                "text": "disk at _98 %_, see [the graph](https://graphs.example.org/1)",
                "color": "#d24b4e",
                "title": "https://ui.example.org/1",
                "title_link": "https://ui.example.org/1",
                "fields": [{"title": "vo", "value": "ops", "short": True}],
            }
        ],
    }


def test_a_bot_gives_the_id_of_its_message(tmp_path: Path) -> None:
    async def outcome() -> Any:
        async with rocketchat_bot(tmp_path) as rig, rig.at_work() as destination:
            return await destination.deliver(parcel())

    assert run(outcome()).receipt == "message0000000000"


def test_a_notification_of_uptime_kuma_is_a_message() -> None:
    call = {"msg": "[web] [Down]", "heartbeat": {"status": 0, "msg": "timeout"}, "monitor": {"name": "web"}}
    (message,) = uptime_kuma_messages("kuma", {}, json.dumps(call).encode())
    assert message.attributes == {"source": "kuma", "status": "DOWN"}
    assert uptime_kuma_messages("kuma", {}, b'{"msg": "Testing"}') == []
    with pytest.raises(BadPayload, match="no notification of Uptime Kuma"):
        uptime_kuma_messages("kuma", {}, b"<html>")
    assert PLUGIN.config.model_fields["type"].default == "uptime_kuma"


@pytest.mark.parametrize(
    ("said", "short"), [("web1.example.org", "web1"), ("192.0.2.1", "192.0.2.1"), ("::1", "::1"), (5, 5)]
)
def test_a_host_is_shortened_and_an_address_is_not(said: Any, short: Any) -> None:
    assert short_host(said) == short


def test_versions_are_compared_by_their_numbers() -> None:
    assert VERSION_BELOW.operator.make is not None
    below = VERSION_BELOW.operator.make("2.10", False)
    assert below("2.9.7", 0)
    assert not below("2.10.0", 0)
    assert not below(None, 0)
    with pytest.raises(ValueError, match="no version"):
        VERSION_BELOW.operator.make("new", False)
