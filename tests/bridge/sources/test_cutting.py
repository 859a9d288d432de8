"""A call that is too large for one message becomes several, with nothing lost, in order, each within the limit."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from bridge.sources.cutting import MOST_ITEMS, cut_message
from broker.errors import TooLarge
from broker.model import NewMessage
from broker.publish import MESSAGE_LIMIT_BYTES, message_bytes


def a_message(document: Any) -> NewMessage:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return NewMessage(base64.b64encode(body).decode(), {"source": "in"})


def document_of(message: NewMessage) -> Any:
    return json.loads(base64.b64decode(message.data))


def alerts(count: int, **said: Any) -> list[dict[str, Any]]:
    return [
        {"status": "resolved" if n % 3 == 0 else "firing", "n": n, "words": "x" * 400, **said} for n in range(count)
    ]


@pytest.mark.parametrize("document", [{"alerts": alerts(3)}, [1], "text", b"no json", b""])
def test_what_fits_stays_as_it_is(document: Any) -> None:
    message = a_message(document)
    assert cut_message(message).messages == [message]


@pytest.mark.parametrize(
    ("document", "items_of"),
    [
        ({"alerts": alerts(5_000), "status": "firing"}, lambda said: said["alerts"]),
        (alerts(5_000), lambda said: said),
        ({"data": {"events": alerts(5_000)}, "few": [1, 2]}, lambda said: said["data"]["events"]),
    ],
)
def test_the_longest_list_is_handed_out_in_order_and_the_rest_is_in_every_part(document: Any, items_of: Any) -> None:
    parts = cut_message(a_message(document)).messages
    assert len(parts) > 1
    assert [one["n"] for part in parts for one in items_of(document_of(part))] == list(range(5_000))
    assert max(message_bytes(part) for part in parts) <= MESSAGE_LIMIT_BYTES
    if isinstance(document, dict):
        rests = [{name: one for name, one in document_of(part).items() if name in ("status", "few")} for part in parts]
        assert all(rest == {name: document[name] for name in rest} for rest in rests)


def test_each_part_says_which_it_is_and_what_the_whole_was() -> None:
    parts = cut_message(a_message({"alerts": alerts(3_000)})).messages
    said = [part.attributes for part in parts]
    assert said[0] == {
        "source": "in",
        "part": "1",
        "parts": str(len(parts)),
        "items": "3000",
        "firing": "2000",
        "resolved": "1000",
    }
    assert [one["part"] for one in said] == [str(n + 1) for n in range(len(parts))]


def test_no_part_has_more_items_than_rules_take() -> None:
    parts = cut_message(a_message({"alerts": [{"n": "x" * 100} for _ in range(20_000)]})).messages
    assert max(len(document_of(part)["alerts"]) for part in parts) <= MOST_ITEMS


@pytest.mark.parametrize(
    "document",
    [
        {"alerts": [{"n": 1, "log": "x" * 2_000_000}]},
        {"alerts": [{"n": 1, "log": "x" * 2_000_000}, {"n": 2, "log": "ü" * 900_000}, {"n": 3}]},
        {"commonAnnotations": {"d": "y" * 2_000_000}, "alerts": alerts(10)},
        {"text": "z" * 1_600_000},
    ],
)
def test_a_text_that_alone_is_too_large_is_shortened_and_says_so(document: Any) -> None:
    said = cut_message(a_message(document))
    assert said.shortened
    assert max(message_bytes(part) for part in said.messages) <= MESSAGE_LIMIT_BYTES
    assert "more characters were left out" in json.dumps([document_of(part) for part in said.messages])
    if "alerts" in document:
        assert [one["n"] for part in said.messages for one in document_of(part)["alerts"]] == [
            one["n"] for one in document["alerts"]
        ]


@pytest.mark.parametrize("body", [b"x" * 1_600_000, json.dumps({str(n): n for n in range(120_000)}).encode()])
def test_what_nobody_can_cut_is_too_large(body: bytes) -> None:
    with pytest.raises(TooLarge):
        cut_message(a_message(body))
