"""URLs given through the API reach the open network only, however their host is written."""

import asyncio

import aiohttp
import pytest

from bridge.core.addresses import push_session
from bridge.core.networks import is_public


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111"])
def test_the_open_network_is_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",  # noqa: S104 - not bound
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "2002:7f00:1::",
        "2001:db8::1",
    ],
)
def test_insides_are_not(address):
    assert not is_public(address)


HOSTS = [
    "127.0.0.1",
    "localhost",
    "localhost.",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "017700000001",
    "0.0.0.0",  # noqa: S104 - not bound
    "169.254.169.254",
    "[::1]",
    "[::ffff:127.0.0.1]",
]


@pytest.mark.parametrize("host", HOSTS)
async def test_no_way_of_writing_loopback_gets_through(host):
    reached = []
    server = await asyncio.start_server(lambda reader, writer: reached.append(writer.close()), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, push_session(allow_private=False) as session:
        with pytest.raises((aiohttp.ClientError, OSError)) as refused:
            await session.get(f"http://{host}:{port}/")
    assert reached == []
    if host in ("127.0.0.1", "169.254.169.254", "[::1]"):
        assert "private address" in str(refused.value)
