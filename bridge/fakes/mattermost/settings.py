"""The server's switches and limits, with the defaults of a real Mattermost 11."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

ErrorStyle: TypeAlias = Literal["wrapped", "specific"]


@dataclass(frozen=True, slots=True)
class RateLimit:
    """``RateLimitSettings``, off in a new server. All clients of one address share one limit."""

    per_s: float = 10.0
    burst: int = 100


@dataclass(frozen=True, slots=True)
class Settings:
    """What an administrator can set, as far as senders notice.

    - ``error_style``: newer servers wrap nearly every webhook error as one general error whose message holds the
      hook's id; older ones give a specific id and text.
    - ``developer``: ``detailed_error`` is filled in. Off in production.
    - ``username_override``, ``icon_override``: when off, what a post asks for is ignored in silence.
    - ``max_post_runes``: code points of one post's text.
    - ``max_props_runes``: code points of the props as JSON; a webhook may use 40,000 fewer.
    - ``licensed``: a paid plan, needed for acknowledgements and persistent notifications.
    - ``post_edit_limit_s``: how long a bot may edit its post; None for ever.
    - ``allowed_internal_connections``: hosts that buttons may call although they are private or loopback. A real
      server allows none; this one lives on loopback.
    - ``version``: webhooks know ``root_id`` from 11.8 on, ``silent`` from 11.10 on; older ones ignore them.
    - ``open_house``: a hook or channel that is not known is made on first use, where a real server refuses.
    - ``keep_last``: how many posts and attempts are kept.
    """

    error_style: ErrorStyle = "wrapped"
    developer: bool = False
    hooks_enabled: bool = True
    username_override: bool = False
    icon_override: bool = False
    max_post_runes: int = 16_383
    max_props_runes: int = 800_000
    max_payload_bytes: int = 300_000
    rate_limit: RateLimit | None = None
    post_priority: bool = True
    persistent_notifications: bool = True
    persistent_recipients: int = 5
    licensed: bool = False
    post_edit_limit_s: int | None = None
    allowed_internal_connections: tuple[str, ...] = ("127.0.0.1", "::1", "localhost")
    action_timeout_s: float = 30.0
    version: tuple[int, int] = (11, 10)
    open_house: bool = False
    keep_last: int = 100_000

    @property
    def max_webhook_props_runes(self) -> int:
        """What a webhook may use of ``max_props_runes``."""
        return self.max_props_runes - 40_000
