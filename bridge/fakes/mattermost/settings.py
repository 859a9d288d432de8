"""The server's switches and limits, with the defaults of a real Mattermost 11.

``Settings(version=(5, 37))`` is a server of that time in all its answers: they were compared with a real one's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

ErrorStyle: TypeAlias = Literal["wrapped", "specific"]


@dataclass(frozen=True, slots=True)
class RateLimit:
    """The rate limit of ``RateLimitSettings``, off in a new server. All clients of one address share one limit."""

    per_s: float = 10.0
    burst: int = 100


@dataclass(frozen=True, slots=True)
class Settings:
    """What an administrator can set, as far as senders notice.

    - ``error_style``: newer servers wrap nearly every webhook error as one general error whose message holds the
      hook's id; older ones give a specific id and text. None: as the version does.
    - ``developer``: ``detailed_error`` is filled in. Off in production.
    - ``username_override``, ``icon_override``: when off, what a post asks for is ignored in silence.
    - ``max_post_runes``: code points of one post's text.
    - ``max_props_runes``: code points of the props as JSON; a webhook may use a little less. None: as the version has.
    - ``max_payload_bytes``: of a whole request. None: as the version has; servers 5 take any.
    - ``licensed``: a paid plan, needed for acknowledgements and persistent notifications.
    - ``post_edit_limit_s``: how long a bot may edit its post; None for ever.
    - ``allowed_internal_connections``: hosts that buttons may call although they are private or loopback. A real
      server allows none; this one lives on loopback.
    - ``web_client``: the server also serves the web application, as all but bare ones do.
    - ``version``: 5.37 or a newer one. Webhooks know ``root_id`` from 11.8 on, ``silent`` from 11.10 on; older ones
      ignore them.
    - ``open_house``: a hook or channel that is not known is made on first use, where a real server refuses.
    - ``keep_last``: how many posts and attempts are kept.
    """

    error_style: ErrorStyle | None = None
    developer: bool = False
    hooks_enabled: bool = True
    username_override: bool = False
    icon_override: bool = False
    max_post_runes: int = 16_383
    max_props_runes: int | None = None
    max_payload_bytes: int | None = None
    rate_limit: RateLimit | None = None
    post_priority: bool = True
    persistent_notifications: bool = True
    persistent_recipients: int = 5
    licensed: bool = False
    post_edit_limit_s: int | None = None
    allowed_internal_connections: tuple[str, ...] = ("127.0.0.1", "::1", "localhost")
    action_timeout_s: float = 30.0
    version: tuple[int, int] = (11, 10)
    web_client: bool = True
    open_house: bool = False
    keep_last: int = 100_000

    @property
    def is_of_5(self) -> bool:
        """Whether this is a server 5, which knows less and answers otherwise."""
        return self.version < (6, 0)

    @property
    def knows_priority(self) -> bool:
        """Whether posts can have a priority; servers before that ignore what is asked."""
        return self.version >= (7, 7)

    @property
    def wraps_errors(self) -> bool:
        """Whether an error of a webhook says nothing but its status."""
        return not self.is_of_5 if self.error_style is None else self.error_style == "wrapped"

    @property
    def props_limit_runes(self) -> int:
        """How many characters the props of a post may have."""
        if self.max_props_runes is not None:
            return self.max_props_runes
        return 8_000 if self.is_of_5 else 800_000

    @property
    def webhook_props_limit_runes(self) -> int:
        """How many characters of a post's props a webhook may use."""
        return self.props_limit_runes - (400 if self.is_of_5 else 40_000)

    @property
    def payload_limit_bytes(self) -> int | None:
        """How large a request may be; None: as large as it likes."""
        return 300_000 if self.max_payload_bytes is None and not self.is_of_5 else self.max_payload_bytes
