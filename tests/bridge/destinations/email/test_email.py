"""Mail against a real SMTP server on loopback."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from bridge.app.certificate import make_self_signed
from bridge.core.secret import Secret
from bridge.destinations.base import Delivered, Later, Outcome, Parcel, Refused
from bridge.destinations.email.email import Email, EmailConfig
from bridge.fakes.smtp import Answer, Close, FakeSmtp, Hang
from broker.clock import SystemClock
from tests.bridge.destinations.parcels import a_parcel, of_incident, receipt_in

LOGIN = ("bridge", "correct horse battery")


def a_config(server: FakeSmtp, **changed: Any) -> EmailConfig:
    asked: dict[str, Any] = {
        "host": server.host,
        "port": server.port,
        "security": "none",
        "sender": "Bridge <bridge@example.org>",
        "to": ("ops@example.net",),
        "timeout": 2.0,
    }
    return EmailConfig(**asked | changed)


@asynccontextmanager
async def a_writer(server: FakeSmtp, **config: Any) -> AsyncIterator[Email]:
    writer = Email("mail", a_config(server, **config), SystemClock())
    try:
        yield writer
    finally:
        await writer.close()


async def outcome_from(server: FakeSmtp, parcel: Parcel | None = None, **config: Any) -> Outcome:
    async with a_writer(server, **config) as writer:
        return await writer.deliver(parcel or a_parcel())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    made = make_self_signed(tmp_path_factory.mktemp("tls"), ["127.0.0.1"], SystemClock().wall_us())
    return str(made[0]), str(made[1])


async def test_a_mail_arrives_with_text_and_html(smtp: FakeSmtp) -> None:
    assert isinstance(await outcome_from(smtp, a_parcel(title="web1", text="**disk** full\n.\nend")), Delivered)
    (mail,) = smtp.mails
    assert (mail.sender, mail.recipients) == ("bridge@example.org", ("ops@example.net",))
    assert mail.parts["plain"] == "web1\n\ndisk full\n.\nend\n"
    assert "<strong>disk</strong>" in mail.parts["html"]


async def test_an_incident_is_one_conversation(smtp: FakeSmtp) -> None:
    receipt = None
    async with a_writer(smtp) as writer:
        for n, phase in enumerate(["firing", "firing", "resolved"]):
            severity = "critical" if n else "warning"
            news = of_incident(phase, n, severity=severity, id=f"d{n}", earlier=receipt)
            receipt = receipt_in(await writer.deliver(news))
        await writer.deliver(of_incident("firing", 9, id="d9", earlier=receipt))
    first, again, end, other = (mail.message for mail in smtp.mails)
    assert first["References"] is None
    assert again["In-Reply-To"] == first["Message-ID"]
    assert end["References"] == f"{first['Message-ID']} {again['Message-ID']}"
    assert other["References"] is None


async def test_the_message_id_is_the_same_on_every_try(smtp: FakeSmtp) -> None:
    smtp.next(Close("taken"))
    await outcome_from(smtp)
    await outcome_from(smtp, a_parcel(attempt=2, maybe_there=True))
    one, two = (mail.message["Message-ID"] for mail in smtp.mails)
    assert one == two


async def test_a_send_may_say_who_gets_it(smtp: FakeSmtp) -> None:
    asked = {"recipients": "A <a@example.org>, b@example.org", "cc": ["c@example.org"], "reply_to": "help@example.org"}
    await outcome_from(smtp, a_parcel(overrides=asked))
    (mail,) = smtp.mails
    assert mail.recipients == ("a@example.org", "b@example.org", "c@example.org")
    assert (mail.message["Cc"], mail.message["Reply-To"]) == ("c@example.org", "help@example.org")


@pytest.mark.parametrize(
    ("said", "asked_for"),
    [
        ("ops@straße.example", "ops@xn--strae-oqa.example"),
        ("ops@βόλος.example", "ops@xn--nxasmm1c.example"),
        ("ops@BÜCHER.example", "ops@xn--bcher-kva.example"),
        ("ops@हिन्दी.example", "ops@xn--j2bd4cyah0f.example"),
        ("ops@نامه\u200cای.example", "ops@xn--mgba3gch31f060k.example"),
        ("Ops <ops@xn--strae-oqa.example>", "ops@xn--strae-oqa.example"),
    ],
)
async def test_an_internationalised_domain_is_itself_and_no_other(smtp: FakeSmtp, said: str, asked_for: str) -> None:
    await outcome_from(smtp, to=(said,), sender=said)
    (mail,) = smtp.mails
    assert (mail.sender, mail.recipients) == (asked_for, (asked_for,))
    assert asked_for in mail.message["To"]
    assert mail.message["Message-ID"].endswith(asked_for.removeprefix("ops") + ">")


@pytest.mark.parametrize(
    "said", ["ops@stra ße.example", "ops@\u200b.example", "ops@-ß-.example", f"ops@{'ß' * 63}.example"]
)
async def test_a_domain_that_cannot_be_is_no_address(smtp: FakeSmtp, said: str) -> None:
    outcome = await outcome_from(smtp, a_parcel(overrides={"recipients": said}))
    assert isinstance(outcome, Refused)
    assert smtp.talks == 0


async def test_the_name_of_the_mail_server_is_looked_up_as_it_is_written(
    smtp: FakeSmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def look_up(host: object, *how: object, **more: object) -> object:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (smtp.host, smtp.port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert isinstance(await outcome_from(smtp, host="mail.straße.example", hello="brücke"), Delivered)
    assert asked == ["mail.xn--strae-oqa.example"]


async def test_an_event_that_is_no_address_is_refused_and_nobody_is_called(smtp: FakeSmtp) -> None:
    outcome = await outcome_from(
        smtp, a_parcel(overrides={"recipients": "a@example.org\r\nRCPT TO:<evil@example.org>"})
    )
    assert isinstance(outcome, Refused)
    assert "is no mail address" in outcome.reason
    assert smtp.talks == 0


# --- TLS and login ------------------------------------------------------------------------------------------


async def test_starttls_and_login(certificate: tuple[str, str]) -> None:
    login: dict[str, Any] = {"username": LOGIN[0], "password": Secret(LOGIN[1]), "ca_file": Path(certificate[0])}
    with FakeSmtp(certificate=certificate, login=LOGIN) as server:
        assert isinstance(await outcome_from(server, security="starttls", **login), Delivered)
    assert (server.mails[0].over_tls, server.mails[0].login) == (True, "bridge")


async def test_tls_from_the_first_byte(certificate: tuple[str, str]) -> None:
    with FakeSmtp(certificate=certificate, tls=True) as server:
        outcome = await outcome_from(server, security="tls", ca_file=Path(certificate[0]))
    assert isinstance(outcome, Delivered)


async def test_a_server_without_starttls_gets_nothing(smtp: FakeSmtp) -> None:
    outcome = await outcome_from(smtp, security="starttls")
    assert isinstance(outcome, Later)
    assert "no STARTTLS" in outcome.reason
    assert smtp.mails == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_certificate_that_nobody_signed_is_not_trusted(certificate: tuple[str, str], security: str) -> None:
    with FakeSmtp(certificate=certificate, tls=security == "tls") as server:
        outcome = await outcome_from(server, security=security)
    assert isinstance(outcome, Later)
    assert not outcome.unclear
    assert server.mails == []
    assert "its certificate is not trusted: self-signed certificate" in outcome.reason
    assert ("subject CN=" in outcome.reason) is (security == "tls")


@pytest.mark.parametrize(("username", "password"), [("bridge", "p\u00e4ssword"), ("br\u00efdge", "password")])
async def test_a_login_with_letters_that_cannot_be_told_is_a_fault_of_the_settings(
    certificate: tuple[str, str], username: str, password: str
) -> None:
    login: dict[str, Any] = {"username": username, "password": Secret(password), "ca_file": Path(certificate[0])}
    with FakeSmtp(certificate=certificate, login=LOGIN) as server:
        outcome = await outcome_from(server, security="starttls", **login)
    assert isinstance(outcome, Later)
    assert outcome.misconfigured


async def test_a_host_that_is_no_name_is_a_fault_of_the_settings(smtp: FakeSmtp) -> None:
    outcome = await outcome_from(smtp, host="mail." + "x" * 70 + ".example")
    assert isinstance(outcome, Later)
    assert outcome.misconfigured


async def test_a_login_that_is_not_accepted_means_that_nothing_can_arrive(certificate: tuple[str, str]) -> None:
    wrong: dict[str, Any] = {
        "username": "bridge",
        "password": Secret("wrong-password"),
        "ca_file": Path(certificate[0]),
    }
    with FakeSmtp(certificate=certificate, login=LOGIN) as server:
        outcome = await outcome_from(server, security="starttls", **wrong)
    assert isinstance(outcome, Later)
    assert outcome.misconfigured
    assert "wrong-password" not in outcome.reason


# --- answers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["mail", "rcpt", "body"])
async def test_4xx_is_for_later_and_clear_wherever_it_comes(smtp: FakeSmtp, stage: Any) -> None:
    smtp.next(Answer(stage, "451 4.3.0 try again later"))
    outcome = await outcome_from(smtp)
    assert isinstance(outcome, Later)
    assert "451" in outcome.reason
    assert not outcome.unclear


@pytest.mark.parametrize("stage", ["mail", "rcpt", "body"])
async def test_5xx_is_refused(smtp: FakeSmtp, stage: Any) -> None:
    smtp.next(Answer(stage, "550 5.7.1 not for us"))
    outcome = await outcome_from(smtp)
    assert isinstance(outcome, Refused)
    assert outcome.plainer is None
    assert "550 5.7.1 not for us" in outcome.reason


@pytest.mark.parametrize(
    ("stage", "unclear"), [("ehlo", False), ("mail", False), ("rcpt", False), ("body", True), ("taken", True)]
)
async def test_a_lost_connection_is_unclear_only_after_the_body(smtp: FakeSmtp, stage: Any, unclear: bool) -> None:
    smtp.next(Close(stage))
    outcome = await outcome_from(smtp)
    assert isinstance(outcome, Later)
    assert outcome.unclear is unclear
    assert len(smtp.mails) == (stage == "taken")


@pytest.mark.parametrize(("stage", "unclear"), [("rcpt", False), ("body", True)])
async def test_a_silence_is_unclear_only_after_the_body(smtp: FakeSmtp, stage: Any, unclear: bool) -> None:
    smtp.next(Hang(stage))
    outcome = await outcome_from(smtp, timeout=0.3)
    assert isinstance(outcome, Later)
    assert outcome.unclear is unclear


async def test_a_mail_too_large_is_tried_once_more_cut(smtp: FakeSmtp) -> None:
    smtp.next(Answer("body", "552 5.3.4 too big"))
    refused = await outcome_from(smtp)
    assert isinstance(refused, Refused)
    assert refused.plainer == "cut"
    assert isinstance(await outcome_from(smtp, a_parcel(form="cut")), Delivered)


async def test_nobody_there_is_clear() -> None:
    with FakeSmtp() as server:
        pass
    outcome = await outcome_from(server)
    assert isinstance(outcome, Later)
    assert not outcome.unclear


@contextmanager
def greeting(line: bytes) -> Iterator[int]:
    """A server that says one line to everybody."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def greet() -> None:
            talk, _ = listening.accept()
            with talk:
                talk.sendall(line)
                talk.recv(1_000)

        thread = threading.Thread(target=greet)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


@pytest.mark.parametrize(("line", "kind"), [(b"421 busy\r\n", Later), (b"554 no service\r\n", Refused)])
async def test_the_greeting_is_an_answer_too(line: bytes, kind: type[Outcome]) -> None:
    with greeting(line) as port:
        outcome = await outcome_from(FakeSmtp(), port=port)
    assert isinstance(outcome, kind)


# --- several recipients ---------------------------------------------------------------------------------------


async def test_when_some_recipients_are_refused_the_others_get_it_in_a_second_try(smtp: FakeSmtp) -> None:
    smtp.refused = {"gone@example.net": "550 5.1.1 no such user"}
    both: dict[str, Any] = {"to": ("ops@example.net", "gone@example.net")}
    refused = await outcome_from(smtp, **both)
    assert isinstance(refused, Refused)
    assert refused.plainer == "to-some"
    assert "<gone@example.net> SMTP 550 5.1.1 no such user" in refused.reason
    assert smtp.mails == []
    assert isinstance(await outcome_from(smtp, a_parcel(form="to-some"), **both), Delivered)
    assert smtp.mails[0].recipients == ("ops@example.net",)


async def test_a_recipient_who_cannot_be_had_just_now_is_waited_for_but_not_for_ever(smtp: FakeSmtp) -> None:
    smtp.refused = {"full@example.net": "452 4.2.2 mailbox full"}
    both: dict[str, Any] = {"to": ("ops@example.net", "full@example.net")}
    assert isinstance(await outcome_from(smtp, **both), Later)
    assert isinstance(await outcome_from(smtp, a_parcel(attempt=6), **both), Delivered)
    assert smtp.mails[0].recipients == ("ops@example.net",)


async def test_when_all_are_refused_it_is_refused(smtp: FakeSmtp) -> None:
    smtp.refused = {"ops@example.net": "550 no"}
    for form in ("", "to-some"):
        outcome = await outcome_from(smtp, a_parcel(form=form))
        assert isinstance(outcome, Refused)
        assert outcome.plainer is None


# --- asking, showing, settings ----------------------------------------------------------------------------------


async def test_a_probe_names_everybody_and_writes_nothing(smtp: FakeSmtp) -> None:
    async with a_writer(smtp) as writer:
        assert await writer.probe() == Delivered()
        smtp.refused = {"ops@example.net": "550 no such user"}
        assert isinstance(await writer.probe(), Refused)
    assert smtp.mails == []


async def test_a_preview_is_what_is_sent(smtp: FakeSmtp) -> None:
    parcel = of_incident("resolved", 5, title="web1 ü", severity="error", earlier='{"post":"<a@x>","rule":"disks",'
                         '"incident":"web1","phase":"firing"}')  # fmt: skip
    async with a_writer(smtp) as writer:
        preview = writer.preview(parcel)
        await writer.deliver(parcel)
    message = smtp.mails[0].message
    sent = {name: str(value) for name, value in message.items()}
    assert preview.headers == {name: sent[name] for name in preview.headers}
    assert set(sent) - set(preview.headers) == {"MIME-Version", "Content-Type"}
    assert preview.body == smtp.mails[0].parts


async def test_a_preview_of_a_mail_to_nobody_says_so(smtp: FakeSmtp) -> None:
    async with a_writer(smtp) as writer:
        (remark,) = writer.preview(a_parcel(overrides={"recipients": "nobody"})).remarks
    assert "no mail address" in remark


async def test_many_at_once_all_arrive(smtp: FakeSmtp) -> None:
    async with a_writer(smtp, concurrency=4) as writer:
        outcomes = await asyncio.gather(*(writer.deliver(a_parcel(id=f"d{n}")) for n in range(12)))
    assert all(isinstance(outcome, Delivered) for outcome in outcomes)
    assert len(smtp.mails) == 12


async def test_a_receipt_is_the_message_id(smtp: FakeSmtp) -> None:
    receipt = json.loads(receipt_in(await outcome_from(smtp)))
    assert receipt["post"] == smtp.mails[0].message["Message-ID"]


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"to": ("nobody",)}, "no mail address"),
        ({"to": ()}, "at least 1"),
        ({"sender": "a@x.example, b@x.example"}, "one address"),
        ({"username": "bridge"}, "belong together"),
        ({"username": "b", "password": Secret("p"), "host": "mail.example.org"}, "over TLS only"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_load(changed: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        a_config(FakeSmtp(), **{"port": 25} | changed)
