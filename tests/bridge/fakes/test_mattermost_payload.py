from __future__ import annotations

import contextlib
import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.fakes.mattermost.errors import AppError
from bridge.fakes.mattermost.payload import payload_from_json
from tests.fakes.mattermost import FakeMattermost


def test_a_form_carries_the_payload_in_one_field(mattermost: FakeMattermost, http: httpx.Client) -> None:
    answer = http.post(mattermost.hook_url, data={"payload": json.dumps({"text": "from a form ä"})})
    assert answer.text == "ok"
    assert mattermost.posts[0].text == "from a form ä"


def test_a_form_without_payload_cannot_be_decoded(mattermost: FakeMattermost, http: httpx.Client) -> None:
    answer = http.post(mattermost.hook_url, data={"text": "x"})
    assert (answer.status_code, answer.json()["id"]) == (400, "web.incoming_webhook.decode.app_error")


def test_multipart_names_the_fields_themselves(mattermost: FakeMattermost, http: httpx.Client) -> None:
    parts = {"text": (None, "from parts ä"), "ChannelName": (None, "town-square")}
    assert http.post(mattermost.hook_url, files=parts).text == "ok"
    assert (mattermost.posts[0].text, mattermost.posts[0].channel) == ("from parts ä", "town-square")


def test_multipart_knows_no_payload_field(mattermost: FakeMattermost, http: httpx.Client) -> None:
    answer = http.post(mattermost.hook_url, files={"payload": (None, '{"text": "x"}')})
    assert answer.status_code == 400


def test_broken_multipart_is_refused(mattermost: FakeMattermost, http: httpx.Client) -> None:
    answer = http.post(mattermost.hook_url, content=b"text", headers={"content-type": "multipart/form-data"})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/json; charset=utf-8", "application/x-unknown"]
)
def test_anything_else_is_read_as_json(
    mattermost: FakeMattermost, http: httpx.Client, content_type: str | None
) -> None:
    headers = {"content-type": content_type} if content_type else {}
    assert http.post(mattermost.hook_url, content=b'{"text": "x"}', headers=headers).text == "ok"


def test_raw_newlines_and_tabs_in_texts_are_forgiven(mattermost: FakeMattermost, http: httpx.Client) -> None:
    body = b'{"text": "one\ntwo\tthree \\"x\\"", "attachments": [{"fallback": "a\nb", "text": "c\nd"}]}'
    assert http.post(mattermost.hook_url, content=body).text == "ok"
    assert mattermost.posts[0].text == 'one\ntwo\tthree "x"'
    assert mattermost.posts[0].attachments == ({"fallback": "a\nb", "text": "c\nd"},)


def test_a_raw_newline_elsewhere_is_not_forgiven() -> None:
    with pytest.raises(AppError, match="Unable to parse incoming data"):
        payload_from_json(b'{"text": "x", "username": "a\nb"}')


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b'"text"', b"5", b'{"text": 5}', b'{"text": {"a": 1}}', b'{"attachments": {"text": "x"}}',
        b'{"attachments": [{"text": 5}]}', b'{"text": "x", "props": []}', b'{"text": NaN}', b'{"attachments": ["x"]}',
    ],
)  # fmt: skip
def test_what_is_not_a_payload_is_refused(body: bytes) -> None:
    with pytest.raises(AppError) as refusal:
        payload_from_json(body)
    assert refusal.value.status == 400


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"text": "x", "unknown": {"deep": [1]}}', "x"),
        (b'{"TEXT": "x"}', "x"),
        (b'{"text": "x"} and more', "x"),
        (b' \n{"text": "x", "text": "y"}', "y"),
        (b'{"text": "x", "username": null, "attachments": null}', "x"),
        (b'{"text": "broken \xff utf-8"}', "broken � utf-8"),
        (b'{"text": "lone \\ud800 half"}', "lone ? half"),
        (b"null", None),
    ],
)
def test_the_parser_is_as_lenient_as_the_servers(body: bytes, text: str | None) -> None:
    assert payload_from_json(body).text == text


def test_unknown_names_in_attachments_vanish_and_case_does_not_matter() -> None:
    payload = payload_from_json(
        b'{"attachments": [{"Text": "x", "nonsense": 1, "Actions": [{"Id": "a", "Integration": {"URL": "u", "context": '
        b'{"Kept": 1}}}]}]}'
    )
    assert payload.attachments
    attachment = payload.attachments[0]
    assert attachment is not None
    assert attachment.text == "x"
    assert attachment.actions
    assert attachment.actions[0] is not None
    assert attachment.actions[0].integration is not None
    assert attachment.actions[0].integration.context == {"Kept": 1}


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.dictionaries(st.text(max_size=8), _JSON, max_size=3)
)
@settings(max_examples=60, deadline=None)
def test_every_text_arrives_as_it_was_sent(text: str, props: dict[str, Any]) -> None:
    body = json.dumps({"text": text, "props": props, "extra": 1}).encode()
    assert payload_from_json(body).text == text


@given(st.binary(max_size=60))
@settings(max_examples=150, deadline=None)
def test_no_body_breaks_the_parser(body: bytes) -> None:
    with contextlib.suppress(AppError):
        payload_from_json(body)
