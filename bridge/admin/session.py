"""Who is looking at the pages: a signed cookie, made from an administrator's token at the login page.

The cookie holds a name and an end, signed with HMAC-SHA256 under a key that is made anew at every start, so a restart
ends all sessions and a stolen state folder signs none. The end is told in monotonic time: who sets the clock back lets
nobody stay longer. The token itself is never kept in it. A second cookie carries, for one page, the sentence that says
what a form did.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import quote, unquote

from broker.clock import Clock

COOKIE = "ams_bridge_session"
SAID = "ams_bridge_said"
LASTS_S = 12 * 3600
_LONGEST_SENTENCE = 500


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whoever looks at the pages."""

    name: str


class Sessions:
    """Issues and reads session cookies."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        self._key = key
        self._clock = clock

    def issue(self, name: str) -> str:
        """A cookie value for ``name``, good for ``LASTS_S`` seconds."""
        until_s = int(self._clock.monotonic()) + LASTS_S
        said = f"{quote(name, safe='')}.{until_s}"
        return f"{said}.{self._signature(said)}"

    def read(self, cookie: str) -> Viewer | None:
        """The viewer a cookie speaks of, or None when it is forged, broken or past its end."""
        said, _, signature = cookie.rpartition(".")
        if not said or not hmac.compare_digest(signature.encode(), self._signature(said).encode()):
            return None
        name, _, until_s = said.rpartition(".")
        if not until_s.isdigit() or int(until_s) < self._clock.monotonic():
            return None
        return Viewer(unquote(name))

    def form_token(self, cookie: str) -> str:
        """What a form must send back to prove that it came from a page of this session."""
        return self._signature("form:" + cookie)

    def sealed(self, sentence: str) -> str:
        """A cookie value that carries a sentence of ours to the next page."""
        said = quote(sentence[:_LONGEST_SENTENCE], safe="")
        return f"{said}.{self._signature('said:' + said)}"

    def opened(self, cookie: str) -> str:
        """The sentence that ``sealed`` put into a cookie, or "" when it is not one of ours."""
        said, _, signature = cookie.rpartition(".")
        ours = said and hmac.compare_digest(signature.encode(), self._signature("said:" + said).encode())
        return unquote(said) if ours else ""

    def _signature(self, said: str) -> str:
        return hmac.new(self._key, said.encode(), hashlib.sha256).hexdigest()
