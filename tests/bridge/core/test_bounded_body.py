"""A body is read whole up to its limit, in whatever parts it comes, and no further."""

import pytest

from bridge.core.bounded_body import BodyCutOff, BodyOverLimit, read_body


class Client:
    """Sends these parts, then waits for nothing; ``sent`` counts how many were taken."""

    def __init__(self, *parts, goes=False):
        self.events = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
        if goes:
            self.events.append({"type": "http.disconnect"})
        else:
            self.events[-1]["more_body"] = False
        self.taken = 0

    async def __call__(self):
        self.taken += 1
        return self.events[self.taken - 1]


@pytest.mark.parametrize("parts", [(b"",), (b"abcdef",), (b"ab", b"cd", b"ef"), (b"", b"abcdef", b"")])
async def test_a_body_within_its_limit_is_read_whole(parts):
    assert await read_body(Client(*parts), 6) == b"".join(parts)


@pytest.mark.parametrize("parts", [(b"abcdefg",), (b"abc", b"defg"), (b"abcdef", b"g", b"h" * 1000)])
async def test_a_body_over_its_limit_is_refused_with_the_limit(parts):
    with pytest.raises(BodyOverLimit, match="larger than 6 bytes") as caught:
        await read_body(Client(*parts), 6)
    assert caught.value.limit_bytes == 6


async def test_what_lies_beyond_the_limit_is_not_read():
    client = Client(b"abcdefg", b"h", b"i")
    with pytest.raises(BodyOverLimit):
        await read_body(client, 6)
    assert client.taken == 1


@pytest.mark.parametrize("parts", [(), (b"abc",)])
async def test_a_client_that_goes_before_its_body_is_whole_is_told_apart(parts):
    with pytest.raises(BodyCutOff):
        await read_body(Client(*parts, goes=True), 6)


async def test_an_event_without_a_body_is_an_empty_part():
    async def receive():
        return {"type": "http.request"}

    assert await read_body(receive, 6) == b""
