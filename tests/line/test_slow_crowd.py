"""Two thousand connections that ask nothing, or never come to an end, leave everybody else undisturbed."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import resource
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from bridge.fakes.mattermost import FakeMattermost
from broker.clock import SystemClock
from tests.line.process import DaemonProcess, a_free_port

pytestmark = pytest.mark.proof

DESCRIPTORS = 1024
CROWD = 2000
PRELUDE = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({DESCRIPTORS}, {DESCRIPTORS})); "
"""As `ulimit -n` does before the program starts."""
LASTS_S = 30.0
LONGEST_S = 3.0
"""What anything may take meanwhile; the machine is busy with the crowd itself. It was for ever before."""
TOKEN = "slow-crowd-token"
CLOCK = SystemClock()
CONFIG = """
server: {{listen: "127.0.0.1:{port}", tls: {tls}}}
store: sqlite:state/bridge.db
auth: {{service_token: {token}}}
log: {{level: warning, format: json}}
projects: {{P: {{topics: {{T: {{}}}}, subscriptions: {{S: {{topic: T}}}}}}}}
destinations:
  ops: {{type: mattermost, url: {hook}, collapse: off}}
rules: rules.yaml
"""
RULES = """
rules:
  - name: all
    topic: projects/P/topics/T
    text: "n {{ message.offset }}"
    send: ops
"""
HEAD = b"POST /login HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n"
BEGINNINGS = {
    "off": (b"", HEAD, HEAD + b"content-length: 5000\r\n\r\n", b"G"),
    "self-signed": (b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
}
"""How each of the crowd begins, by the server's TLS; then it sends a byte a second."""


async def one_of_the_crowd(port: int, beginning: bytes) -> None:
    """Connect, drip, and come back when it is cut off."""
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(beginning)
                while not writer.transport.is_closing():
                    await CLOCK.sleep(1)
                    if beginning:
                        writer.write(b"a")
                        await writer.drain()
            finally:
                writer.transport.abort()
        await CLOCK.sleep(1)


@dataclass
class Customer:
    """Publishes, pulls and looks at the health, each time over a new connection, and remembers the longest time."""

    url: str
    trust: ssl.SSLContext | bool
    worst_s: float = 0.0
    published: int = 0
    degraded: set[str] = field(default_factory=set)

    async def ask(self, method: str, path: str, body: object = None) -> dict[str, object]:
        """One request."""
        began = CLOCK.monotonic()
        connector = aiohttp.TCPConnector(ssl=self.trust, force_close=True)
        async with (
            aiohttp.ClientSession(connector=connector, headers={"x-api-key": TOKEN}) as http,
            http.request(method, self.url + path, json=body) as answer,
        ):
            found: dict[str, object] = await answer.json()
            assert answer.status == 200, found
        self.worst_s = max(self.worst_s, CLOCK.monotonic() - began)
        return found

    async def go_on(self, lasts_s: float) -> None:
        """Do so for a while."""
        ends = CLOCK.monotonic() + lasts_s
        data = base64.b64encode(b"disk full").decode()
        while CLOCK.monotonic() < ends:
            await self.ask("POST", "/v1/projects/P/topics/T:publish", {"messages": [{"data": data}]})
            self.published += 1
            await self.ask("POST", "/v1/projects/P/subscriptions/S:pull", {"maxMessages": "1"})
            await self.ask("GET", "/healthz")
            self.degraded.add(str((await self.ask("GET", "/readyz"))["degraded"]))
            await CLOCK.sleep(0.2)


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """The crowd itself needs some."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * CROWD:
        pytest.skip(f"the crowd needs {2 * CROWD} descriptors: raise the hard limit (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * CROWD), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("tls", ["off", "self-signed"])
async def test_a_slow_crowd_disturbs_nobody(
    tmp_path: Path, mattermost: FakeMattermost, tls: str, many_descriptors: None
) -> None:
    port = a_free_port()
    config = tmp_path / "bridge.yaml"
    hook = mattermost.hook_url
    config.write_text(CONFIG.format(port=port, tls=tls, token=TOKEN, hook=hook))
    (tmp_path / "rules.yaml").write_text(RULES)
    daemon = DaemonProcess(config, cwd=tmp_path, prelude=PRELUDE)
    try:
        await asyncio.to_thread(daemon.start)
        trust: ssl.SSLContext | bool = True
        if tls != "off":
            trust = ssl.create_default_context(cafile=str(tmp_path / "state" / "certificate.pem"))
        customer = Customer(f"{'http' if tls == 'off' else 'https'}://127.0.0.1:{port}", trust)
        beginnings = itertools.islice(itertools.cycle(BEGINNINGS[tls]), CROWD)
        crowd = [asyncio.create_task(one_of_the_crowd(port, beginning)) for beginning in beginnings]
        await CLOCK.sleep(3)
        await customer.go_on(LASTS_S)
        descriptors = len(list(Path(f"/proc/{daemon.pid}/fd").iterdir()))
        for one in crowd:
            one.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
        delivered = len(mattermost.posts)
        await customer.go_on(2)
        assert await asyncio.to_thread(daemon.stop) == 0
    finally:
        daemon.close()
    assert customer.published > LASTS_S / 2, "it went on all the time"
    assert customer.worst_s < LONGEST_S
    assert any("server.connections" in said for said in customer.degraded)
    assert delivered > LASTS_S / 2, "at the rate of chat, one a second"
    assert descriptors < DESCRIPTORS - DESCRIPTORS // 8, "a share stays free for what goes out"
    lines = [line for line in daemon.log.splitlines() if "refused at the front" in line]
    assert 0 < len(lines) < 20, "one line per kind and minute"
