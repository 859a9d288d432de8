"""A post as a mail: its parts, its headers, and what event texts cannot do to them."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.destinations.base import Parcel
from bridge.destinations.email.mime_message import Envelope, NoAddress, draw, html_of, parse_addresses, text_of
from bridge.destinations.kit.receipt import Receipt
from rules.model import Field, Post
from rules.rendering.escape import escape_value
from tests.bridge.destinations.parcels import a_parcel

ENVELOPE = Envelope("Bridge <bridge@example.org>", ("ops@example.net",))


def mail_of(parcel: Parcel, envelope: Envelope = ENVELOPE, earlier: Receipt | None = None) -> EmailMessage:
    """The mail as it is read at the other end."""
    return message_from_bytes(draw(parcel, envelope, "[alerts]", earlier).as_bytes(), policy=SMTP)


def test_a_mail_says_who_what_and_when() -> None:
    mail = mail_of(a_parcel(title="**web1** \\*down\\*", severity="critical"))
    assert mail["From"] == "Bridge <bridge@example.org>"
    assert mail["To"] == "ops@example.net"
    assert mail["Subject"] == "[alerts] web1 *down*"
    assert mail["Date"] == "Thu, 01 Jan 2026 00:00:00 +0000"
    assert mail["Message-ID"] == f"<{a_parcel().id}@example.org>"
    assert (mail["Auto-Submitted"], mail["Importance"]) == ("auto-generated", "high")


def test_without_a_title_the_subject_is_the_texts_first_line() -> None:
    assert mail_of(a_parcel(text=":fire: **disk** full\nmore"))["Subject"] == "[alerts] 🔥 disk full"


def test_a_send_may_say_the_subject() -> None:
    assert mail_of(a_parcel(title="T", overrides={"subject": "S"}))["Subject"] == "[alerts] S"


def test_text_and_html_say_the_same() -> None:
    post = Post(
        text="**disk** full, see [ui](https://ui.example)",
        title="web1",
        url="https://web1.example",
        fields=(Field("vo", "`ops`"),),
        footer="argo",
    )
    assert text_of(post) == (
        "web1\nhttps://web1.example\n\ndisk full, see ui (https://ui.example)\n\nvo: ops\n\nargo\n"
    )
    shown = html_of(post, "message")
    for part in (
        '<a href="https://web1.example">web1</a>',
        "<strong>disk</strong>",
        '<a href="https://ui.example">ui</a>',
        "<code>ops</code>",
        "argo",
    ):
        assert part in shown


def test_every_byte_of_a_mail_has_seven_bits_and_no_line_is_too_long() -> None:
    parcel = a_parcel(text="Zürich 漢字 \N{FIRE} " + "x" * 2_000, title="ä" * 300, fields=(Field("ö", "ü"),))
    sent = draw(parcel, Envelope("Bär <bridge@example.org>", ("Ops ☃ <ops@example.net>",)), "[ü]", None).as_bytes()
    assert sent.isascii()
    assert max(map(len, sent.split(b"\r\n"))) <= 998
    body = message_from_bytes(sent, policy=SMTP).get_body(("plain",))
    assert body is not None
    assert "Zürich 漢字 \N{FIRE}" in body.get_content()


def test_the_colour_is_the_posts() -> None:
    assert "#3db887" in html_of(Post(text="x", severity="critical"), "resolved")


def test_later_news_refer_to_the_first_mail_of_the_incident() -> None:
    mail = mail_of(a_parcel(), earlier=Receipt(post="<b@x>", root="<a@x>"))
    assert (mail["In-Reply-To"], mail["References"]) == ("<b@x>", "<a@x> <b@x>")
    assert mail_of(a_parcel())["References"] is None


def test_the_same_parcel_is_the_same_bytes() -> None:
    assert draw(a_parcel(), ENVELOPE, "", None).as_bytes() == draw(a_parcel(), ENVELOPE, "", None).as_bytes()


def test_the_cut_form_is_short_text_alone() -> None:
    mail = mail_of(a_parcel(form="cut", text="x " * 10_000))
    assert mail.get_content_type() == "text/plain"
    assert len(mail.get_content()) <= 4_100


@pytest.mark.parametrize(
    "said",
    [
        "",
        " ",
        "alice",
        "@x.example",
        "a b@x.example",
        "a@",
        "<a@x.example",
        "ä@x.example",
        "a@x.example,",
        "a@x..y",
        "a@.",
        "a.@x",
    ],
)
def test_what_is_no_address_is_refused(said: str) -> None:
    with pytest.raises(NoAddress):
        parse_addresses(said)


def test_one_text_may_hold_several_addresses() -> None:
    found = Envelope("a@x.example", ("B <b@x.example>, c@x.example",), cc=("b@x.example",)).recipients
    assert found == ("b@x.example", "c@x.example")


def test_names_and_domains_in_any_letters_are_written_as_mail_can() -> None:
    (address,) = parse_addresses('"Doe, Zoë" <zoe@exämple.org>')
    assert (address.display_name, address.addr_spec) == ("Doe, Zoë", "zoe@xn--exmple-cua.org")


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from('ab@.,<>" \r\n()[]:;ä'), max_size=20))
def test_any_text_is_addresses_or_none_and_never_an_accident(said: str) -> None:
    try:
        found = parse_addresses(said)
    except NoAddress:
        return
    assert all(each.addr_spec.isascii() and " " not in each.addr_spec and "\n" not in str(each) for each in found)


@settings(max_examples=80, deadline=None)
@given(text=st.text(st.sampled_from("ab:\r\n\x0b\x0c\x85\u2028\0é "), max_size=60))
def test_no_event_text_adds_a_header(text: str) -> None:
    evil = f"x{text}\r\nBcc: evil@example.org\r\n\r\nbody"
    mail = mail_of(a_parcel(title=escape_value(evil), text=evil, footer=evil, overrides={"subject": evil}))
    assert mail["Bcc"] is None
    assert set(mail.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
    }  # fmt: skip


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", "<img src=x onerror=y>", '"><b>'])
def test_no_event_text_is_html(evil: str) -> None:
    told: dict[str, Any] = {"title": evil, "text": evil, "footer": evil, "mention": evil, "url": f"https://x/{evil}"}
    shown = html_of(Post(**told, fields=(Field(evil, evil),)), "message")
    assert "<script" not in shown
    assert "<img" not in shown
    assert '"><b>' not in shown
