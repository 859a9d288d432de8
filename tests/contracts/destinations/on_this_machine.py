"""The kinds that speak no HTTP: mail, and what stays on this machine."""

from __future__ import annotations

import base64
import json
import resource
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from bridge.contract.rig import HURRIED, PARCEL, Rig, Trial, parcel
from bridge.destinations.republish import Republisher
from bridge.fakes.smtp import Answer, Close, FakeSmtp, Hang
from broker.engines.memory.trouble import Trouble
from tests.fakes.brokers import a_stage


@asynccontextmanager
async def email(folder: Path) -> AsyncIterator[Rig]:
    with FakeSmtp() as service:
        nowhere = {"port": 9}
        yield Rig(
            kind="email",
            service=service,
            config={
                "host": "127.0.0.1",
                "port": service.port,
                "security": "none",
                "from": "bridge@example.org",
                "to": ["ops@example.net", "desk@example.net"],
            },
            secrets=(),
            arrived=lambda: len(service.mails),
            sent=lambda: service.mails[-1].parts,
            tries=lambda: service.talks,
            keys=lambda: [str(mail.message["Message-ID"]) for mail in service.mails],
            nowhere=nowhere,
            clear=lambda: _mail_cleared(service),
            trials=[
                Trial("accepted"),
                Trial("451 to MAIL FROM", lambda s: s.next(Answer("mail", "451 4.3.0 later"))),
                Trial("550 to MAIL FROM", lambda s: s.next(Answer("mail", "550 5.7.1 no"))),
                Trial("451 to one of two RCPT TO", lambda s: s.refused.update({"desk@example.net": "451 4.2.2 full"})),
                Trial("550 to one of two RCPT TO", lambda s: s.refused.update({"desk@example.net": "550 5.1.1 who"})),
                Trial("550 to all RCPT TO", lambda s: s.refused.update(dict.fromkeys(_TWO, "550 5.1.1 who"))),
                Trial("451 to the mail", lambda s: s.next(Answer("body", "451 4.3.0 later"))),
                Trial("552 to the mail", lambda s: s.next(Answer("body", "552 5.3.4 too big"))),
                Trial("554 to the mail", lambda s: s.next(Answer("body", "554 5.7.1 spam"))),
                Trial("no STARTTLS where it is wanted", config={"security": "starttls"}),
                Trial("a certificate that nobody signed, or no TLS at all", config={"security": "tls"}),
                Trial("a recipient of the send is no address", parcel=parcel(overrides={"recipients": "nobody"})),
                Trial("nobody listens", config=nowhere),
                Trial("the connection is closed before the mail", lambda s: s.next(Close("rcpt"))),
                Trial("the connection is closed after the mail", lambda s: s.next(Close("body"))),
                Trial("the connection is closed when the mail was taken", lambda s: s.next(Close("taken"))),
                Trial("no answer in time before the mail", lambda s: s.next(Hang("rcpt")), config=HURRIED),
                Trial("no answer in time after the mail", lambda s: s.next(Hang("body")), config=HURRIED),
            ],
        )


_TWO = ("ops@example.net", "desk@example.net")


def _mail_cleared(service: FakeSmtp) -> None:
    service.let_go()
    service._released = threading.Event()
    service._troubles.clear()
    service.mails.clear()
    service.refused.clear()
    service.talks = 0


@asynccontextmanager
async def topic(folder: Path) -> AsyncIterator[Rig]:
    stage = await a_stage()
    store: Any = stage.broker.store
    await stage.broker.topics.create(stage.project, "other")
    trouble = store.gate.add

    def messages() -> Sequence[Any]:
        log = store.log._logs.get(stage.topic.uid)
        return log.messages if log is not None else ()

    yield Rig(
        kind="topic",
        service=store,
        config={"topic": "projects/P/topics/T"},
        secrets=(),
        arrived=lambda: len(messages()),
        sent=lambda: json.loads(base64.b64decode(messages()[-1].data)),
        keys=lambda: [key for _, key in store.log._known],
        nowhere={"topic": "projects/P/topics/nowhere"},
        clear=store.gate.heal,
        topics=Republisher(stage.broker),
        trials=[
            Trial("published"),
            Trial("there is no such topic", config={"topic": "projects/P/topics/nowhere"}),
            Trial(
                "the send names a topic that does not fit `topics`, or what is no name",
                config={"topic": "projects/P/topics/T", "topics": "site-*", "create": True},
                parcel=parcel(overrides={"topic": "T"}),
            ),
            Trial(
                "the topic that the send names would be one too many",
                config={"topic": "projects/P/topics/T", "topics": "*", "create": True, "max_topics": 2},
                parcel=parcel(overrides={"topic": "X"}),
            ),
            Trial("published too often already", parcel=replace(PARCEL, places={"attributes.ams-bridge-hops": "5"})),
            Trial("the message is too large", parcel=parcel(body="x" * 2_000_000)),
            Trial("the store does not answer", lambda s: trouble(Trouble("log.append", "unavailable"))),
            Trial("the store does not know", lambda s: trouble(Trouble("log.append", "not stored"))),
            Trial("the store does not know, and has it", lambda s: trouble(Trouble("log.append", "stored"))),
        ],
    )


@asynccontextmanager
async def database(folder: Path) -> AsyncIterator[Rig]:
    path = folder / "alerts.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as service:

        def clear() -> None:
            if service.in_transaction:
                service.execute("ROLLBACK")
            service.execute("DROP TABLE IF EXISTS alerts")
            service.execute("CREATE TABLE alerts (text TEXT, title TEXT, n INTEGER, delivery_id TEXT PRIMARY KEY)")

        def rows() -> list[dict[str, Any]]:
            if not service.execute("SELECT 1 FROM sqlite_master WHERE name = 'alerts'").fetchall():
                return []
            found = service.execute("SELECT text, title, delivery_id FROM alerts")
            return [dict(zip(("text", "title", "delivery_id"), row, strict=True)) for row in found]

        clear()
        yield Rig(
            kind="database",
            service=service,
            config={"url": f"sqlite:///{path}", "table": "alerts"},
            secrets=("s3cret-pass",),
            arrived=lambda: len(rows()) if not service.in_transaction else 0,
            sent=lambda: rows()[-1],
            keys=lambda: [row["delivery_id"] for row in rows()],
            nowhere={"url": "postgresql://bridge:s3cret-pass@127.0.0.1:9/alerts"},
            clear=clear,
            same=lambda shown, sent: {name: shown[name] for name in sent} == sent,
            trials=[
                Trial("written"),
                Trial("there is no such table", lambda s: s.execute("DROP TABLE alerts")),
                Trial("it has no unique index for the delivery", _without_index),
                Trial("the body names a column it does not have", parcel=parcel(body={"sight": 1})),
                Trial("a value does not fit its column", parcel=parcel(body={"n": "many"})),
                Trial("the body is no mapping", parcel=parcel(body=["A"])),
                Trial("it is locked", lambda s: s.execute("BEGIN IMMEDIATE")),
                Trial("nobody listens", config={"url": "postgresql://bridge:s3cret-pass@127.0.0.1:9/alerts"}),
            ],
        )


def _without_index(service: sqlite3.Connection) -> None:
    service.execute("DROP TABLE alerts")
    service.execute("CREATE TABLE alerts (text TEXT, title TEXT, delivery_id TEXT)")


_SCRIPT = """#!/bin/sh
cd {folder}
echo "$AMS_BRIDGE_DELIVERY" >> keys
. ./before
cat > new
mv new "given.$AMS_BRIDGE_DELIVERY"
. ./after
"""


@asynccontextmanager
async def command(folder: Path) -> AsyncIterator[Rig]:
    script = folder / "take"
    script.write_text(_SCRIPT.format(folder=folder))
    script.chmod(0o755)

    def clear() -> None:
        for one in (*folder.glob("given.*"), folder / "keys"):
            one.unlink(missing_ok=True)
        for name in ("before", "after"):
            (folder / name).write_text("")

    def before(shell: str) -> Any:
        return lambda service: (folder / "before").write_text(shell)

    def keys() -> list[str]:
        return (folder / "keys").read_text().splitlines() if (folder / "keys").exists() else []

    clear()
    yield Rig(
        kind="command",
        service=folder,
        config={"enabled": True, "command": [str(script)], "environment": {"API_KEY": "s3cret-variable"}},
        secrets=("s3cret-variable",),
        arrived=lambda: len(list(folder.glob("given.*"))),
        sent=lambda: json.loads(max(folder.glob("given.*"), key=lambda one: one.stat().st_mtime_ns).read_text()),
        tries=lambda: len(keys()),
        keys=keys,
        nowhere={"command": ["/no/such/program"]},
        clear=clear,
        trials=[
            Trial("exit code 0"),
            Trial("exit code 75", before("exit 75")),
            Trial("any other exit code", before('echo "no: $API_KEY" >&2; exit 1')),
            Trial("ended by a signal", before("kill -9 $$")),
            Trial("the program is not there", config={"command": ["/no/such/program"]}),
            Trial("not done in time", before("sleep 20"), config=HURRIED),
            Trial(
                "not done in time, but the work is", lambda s: (folder / "after").write_text("sleep 20"), config=HURRIED
            ),
        ],
    )


@asynccontextmanager
async def file(folder: Path) -> AsyncIterator[Rig]:
    path = folder / "alerts.jsonl"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def lines() -> list[str]:
        return path.read_text().splitlines() if path.is_file() else []

    def clear() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)

    yield Rig(
        kind="file",
        service=path,
        config={"path": str(path)},
        secrets=(),
        arrived=lambda: len(lines()),
        sent=lambda: json.loads(lines()[-1]),
        nowhere={"path": str(folder / "none" / "alerts.jsonl")},
        clear=clear,
        trials=[
            Trial("written"),
            Trial("its folder is not there", config={"path": str(folder / "none" / "alerts.jsonl")}),
            Trial("it is a folder", lambda s: s.mkdir()),
            Trial("the disk is full", lambda s: resource.setrlimit(resource.RLIMIT_FSIZE, (20, limits[1]))),
        ],
    )


@asynccontextmanager
async def inbox(folder: Path) -> AsyncIterator[Rig]:
    nothing = lambda: 0  # noqa: E731 - being settled as delivered is all there is to it
    yield Rig(
        "inbox", None, {}, (), arrived=nothing, sent=lambda: None, asks=False, keeps=False, same=lambda a, b: True
    )


ON_THIS_MACHINE: Sequence[Any] = (email, topic, database, command, file, inbox)
