"""How connections end: half-closed ones, slow ones, those that give way; the same over TLS."""

from __future__ import annotations

import asyncio
import resource
import socket
import ssl
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from bridge.front.connection_metrics import ConnectionMetrics
from bridge.front.limits import limit_connections
from bridge.observe.metrics import Metrics
from tests.bridge.front.talking import Running, a_post, pause, running, said, status_of

GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


async def test_a_sender_that_ends_its_side_after_a_request_gets_its_answer() -> None:
    async with running() as it:
        reader, writer = await it.connect()
        writer.write(a_post(b"one", path=b"/wait") + a_post(b"two"))
        writer.write_eof()
        await it.app.begun.wait()
        it.app.go_on.set()
        assert (await said(reader)).count(b"HTTP/1.1 200") == 2
        assert reader.at_eof(), "and the connection ends with the last answer"
        writer.close()
        await it.until(lambda: it.table.open == 0)


async def test_a_sender_that_leaves_in_the_middle_is_gone_for_the_app() -> None:
    async with running() as it:
        _, writer = await it.connect()
        writer.write(a_post(b"half of it")[:-4])
        await it.app.begun.wait()
        writer.write_eof()
        await it.until(lambda: it.table.open == 0)
        assert (it.app.asked, it.app.disconnects) == ([], 1)
        writer.close()


def tls_dialogue(it: Running, end: str) -> bytes:
    """A request over TLS by hand, its sending side ended in TLS or by the socket alone."""
    assert it.trust is not None
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = it.trust.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", it.server.port), 5) as sock:

        def run(step: object) -> object:
            while True:
                try:
                    result = step()  # type: ignore[operator]
                except ssl.SSLWantReadError:
                    if outgoing.pending:
                        sock.sendall(outgoing.read())
                    data = sock.recv(65536)
                    if not data:
                        return b""
                    incoming.write(data)
                else:
                    if outgoing.pending:
                        sock.sendall(outgoing.read())
                    return result

        run(tls.do_handshake)
        tls.write(a_post(b"one", path=b"/wait"))
        sock.sendall(outgoing.read())
        if end == "good-bye":
            with pytest.raises(ssl.SSLWantReadError):
                tls.unwrap()
            sock.sendall(outgoing.read())
        else:
            sock.shutdown(socket.SHUT_WR)
        answer = run(lambda: tls.read(65536))
        assert isinstance(answer, bytes)
        return answer


@pytest.mark.parametrize("end", ["good-bye", "socket"])
async def test_over_tls_a_sender_that_ends_its_side_gets_its_answer(tmp_path: Path, end: str) -> None:
    async with running(tmp_path) as it:
        asked = asyncio.create_task(asyncio.to_thread(tls_dialogue, it, end))
        await it.app.begun.wait()
        it.app.go_on.set()
        answer = await asked
        assert status_of(answer) == 200
        assert len(it.app.asked) == 1
        await it.until(lambda: it.table.open == 0)


async def test_over_tls_large_bodies_go_both_ways(tmp_path: Path) -> None:
    async with running(tmp_path) as it:
        reader, writer = await it.connect()
        writer.write(b"POST /x?3000000 HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2000000\r\n\r\n")
        writer.write(b"y" * 2_000_000)
        answer = await said(reader, 5)
        assert status_of(answer) == 200
        assert len(answer.partition(b"\r\n\r\n")[2]) > 5_000_000
        assert it.app.asked[0]["body"] == "y" * 2_000_000
        writer.close()


async def test_every_answer_over_tls_tells_browsers_to_stay_with_it(tmp_path: Path) -> None:
    async with running(tmp_path, hsts_s=3600) as it:
        for request in (GET, b"nonsense\r\n\r\n"):
            assert b"strict-transport-security: max-age=3600\r\n" in await it.ask(request)
    async with running(hsts_s=3600) as plain:
        assert b"strict-transport" not in await plain.ask(GET)


async def test_plain_http_on_a_tls_port_is_told(tmp_path: Path) -> None:
    async with running(tmp_path) as it:
        reader, writer = await asyncio.open_connection("127.0.0.1", it.server.port)
        writer.write(GET)
        answer = await said(reader)
        assert status_of(answer) == 400
        assert b"HTTPS" in answer
        writer.close()
        await it.until(lambda: it.table.open == 0)


async def test_a_head_that_drips_is_answered_408() -> None:
    async with running(head_s=10) as it:
        reader, writer = await it.connect()
        writer.write(GET[:-4])
        for _ in range(9):
            await it.clock.advance(1)
            writer.write(b"a")
            await pause(0.01)
        assert it.table.open == 1
        await it.clock.advance(2)
        assert status_of(await said(reader)) == 408
        assert it.table.refusals.counts == {"head_too_slow": 1}
        writer.close()


async def test_a_connection_that_asks_nothing_is_closed() -> None:
    async with running(head_s=10) as it:
        reader, writer = await it.connect()
        await it.until(lambda: it.table.open == 1)
        await pause(0.05)
        await it.clock.advance(11)
        assert await said(reader) == b""
        assert it.table.open == 0
        writer.close()


async def test_a_body_that_drips_is_answered_408_and_one_that_flows_is_not() -> None:
    async with running(body_s=10) as it:
        reader, writer = await it.connect()
        writer.write(a_post(b"x" * 100_000)[:-60_000])
        for _ in range(5):  # 5 KB in 8 seconds is progress
            await pause(0.02)
            await it.clock.advance(8)
            writer.write(b"x" * 5_000)
        await pause(0.02)
        for _ in range(3):  # 3 bytes are none
            await it.clock.advance(4)
            writer.write(b"x")
            await pause(0.02)
        assert status_of(await said(reader)) == 408
        assert (it.app.asked, it.app.disconnects) == ([], 1)
        writer.close()


async def test_half_a_request_ends_before_the_stop_cuts_off_what_is_under_way(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with running(body_s=30) as at:
        reader, writer = await at.connect()
        writer.write(a_post(b"12345")[:-1])
        await at.until(lambda: at.table.body.since)
        stopping = asyncio.create_task(at.server.stop())
        await at.until(lambda: at.table.body.limit_s < 30)
        await at.clock.advance(3)
        assert status_of(await said(reader)) == 408
        writer.close()
        await stopping
        assert at.app.disconnects == 1
    assert "Exception" not in capsys.readouterr().out


async def test_an_idle_connection_is_kept_for_its_next_request_and_then_closed() -> None:
    async with running(idle_s=60) as it:
        reader, writer = await it.connect()
        for _ in range(3):
            writer.write(GET)
            assert b"HTTP/1.1 200" in await said(reader, 0.2)
            await it.clock.advance(50)
        await it.clock.advance(15)
        assert await said(reader) == b""
        assert reader.at_eof()
        assert it.table.refusals.counts == {}
        writer.close()


async def test_a_request_that_is_worked_for_has_no_deadline() -> None:
    async with running() as it:
        reader, writer = await it.connect()
        writer.write(a_post(b"", path=b"/wait"))
        await it.app.begun.wait()
        await pause(0.02)
        await it.clock.advance(3600)
        it.app.go_on.set()
        assert b"HTTP/1.1 200" in await said(reader)
        writer.close()


async def test_a_client_that_does_not_read_its_answer_is_cut_off() -> None:
    async with running(body_s=30, idle_s=30) as it:
        _, writer = await it.connect()
        writer.transport.pause_reading()
        writer.write(b"POST /x?60000000 HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
        await it.until(lambda: it.app.asked)
        await pause(0.1)
        await it.clock.advance(100)
        await it.until(lambda: it.table.open == 0)
        assert it.table.refusals.counts == {"reader_too_slow": 1}
        writer.transport.abort()


async def test_a_handshake_that_never_ends_is_cut_off(tmp_path: Path) -> None:
    async with running(tmp_path, handshake_s=10) as it:
        reader, writer = await asyncio.open_connection("127.0.0.1", it.server.port)
        writer.write(b"\x16\x03\x01\x02\x00\x01")
        await it.until(lambda: it.table.handshake.since)
        await it.clock.advance(11)
        assert await said(reader) == b""
        await it.until(lambda: it.table.open == 0)
        assert it.table.refusals.counts == {"handshake_too_slow": 1}
        writer.close()


async def test_when_the_table_is_full_the_one_that_waits_longest_gives_way() -> None:
    async with running(connections=3) as it:
        asking, writing = await it.connect()
        writing.write(a_post(b"", path=b"/wait"))
        await it.app.begun.wait()
        waiting = []
        for n in range(4):
            waiting.append(await it.connect())
            await it.until(lambda n=n: len(it.table.head.since) == min(n + 1, 2))
            await it.clock.advance(0.3)
            await pause()
        assert it.table.open == 3
        assert await said(waiting[0][0]) == await said(waiting[1][0]) == b""
        assert it.table.refusals.counts == {"waited_longest": 2}
        assert "server.connections" in it.table.full()
        waiting[3][1].write(GET)
        assert b"HTTP/1.1 200" in await said(waiting[3][0])
        it.app.go_on.set()
        assert b"HTTP/1.1 200" in await said(asking), "one that is worked for never gives way"
        await it.clock.advance(70)
        assert it.table.full() == ""
        for _, writer in (*waiting, (asking, writing)):
            writer.close()


async def test_when_all_are_worked_for_one_more_is_answered_503() -> None:
    async with running(connections=1) as it:
        _, writing = await it.connect()
        writing.write(a_post(b"", path=b"/wait"))
        await it.app.begun.wait()
        await pause(0.02)
        answer = await it.ask(b"")
        assert status_of(answer) == 503
        assert b"retry-after: 5" in answer
        assert it.table.refusals.counts == {"no_room": 1}
        writing.close()


async def test_what_is_refused_is_a_line_per_kind_and_minute() -> None:
    with capture_logs() as lines:
        async with running() as it:
            for _ in range(20):
                await it.ask(b"nonsense\r\n\r\n")
            assert [line["event"] for line in lines] == ["refused at the front"]
            await it.clock.advance(61)
            assert [line["and_before"] for line in lines] == [0, 19]
            assert it.table.refusals.counts == {"unknown_method": 20}


async def test_metrics_show_connections_and_what_was_refused() -> None:
    async with running(connections=5) as it:
        _, writer = await it.connect()
        await it.ask(b"nonsense\r\n\r\n")
        await it.until(lambda: it.table.open == 1)
        metrics = Metrics()
        metrics.watch(ConnectionMetrics(it.table))
        page = generate_latest(metrics.registry).decode()
        assert 'ams_bridge_http_refused_total{reason="unknown_method"} 1.0' in page
        assert "ams_bridge_http_connections 1.0" in page
        assert "ams_bridge_http_connections_limit 5.0" in page
        writer.close()


@pytest.mark.parametrize(
    ("descriptors", "wanted", "allowed"),
    [(1024, None, 768), (1024, 2000, 960), (1024, 100, 100), (65_536, None, 10_000), (200, None, 136), (64, None, 16)],
)
def test_a_share_of_the_descriptors_stays_free(
    monkeypatch: pytest.MonkeyPatch, descriptors: int, wanted: int | None, allowed: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (descriptors, descriptors))
    assert limit_connections(wanted) == allowed
