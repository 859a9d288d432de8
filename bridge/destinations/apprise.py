"""Any of the services that Apprise knows, by its URL (https://github.com/caronc/apprise). Needs the extra ``apprise``.

Apprise says only whether it worked, and tells its log why not; what it tells while it serves us is read, and a status
in it is judged as any other. When it names none, nobody knows whether the post arrived.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from bridge.core.emoji import replace_emoji_names
from bridge.core.quantities import Pacing
from bridge.core.secret import Secret
from bridge.destinations.base import Delivered, Later, Outcome, Parcel, PartSize, Preview
from bridge.destinations.config import CHAT_RATE, WHOLE_TRY_MARGIN_S, DestinationConfig
from bridge.destinations.kit.http_call import HttpAnswer, outcome_of
from bridge.destinations.kit.plain_text import html, plain
from bridge.destinations.kit.redact import Redactor
from broker.clock import Clock
from rules.model import DestinationFacts, Post
from rules.rendering.split import cut_text

_STATUS: Final = re.compile(r"\berror=(\d{3})\b")
_SHOWN_RUNES: Final = 300
_LONGEST_RUNES: Final = 32_768
_TITLE_RUNES: Final = 200
_TYPES: Final = {"critical": "failure", "error": "failure", "warning": "warning", "ok": "success"}


class AppriseConfig(DestinationConfig):
    """Settings of a service known to Apprise."""

    type: Literal["apprise"] = "apprise"
    rate: Pacing | None = Field(CHAT_RATE, description="Posts per time at most; null: as fast as it goes")
    url: Secret = Field(description="The service as an Apprise URL, such as tgram://TOKEN/CHAT; all of it is secret")

    @field_validator("url")
    @classmethod
    def _is_known_to_apprise(cls, url: Secret) -> Secret:
        _service(url, 1.0)
        return url


class Apprise:
    """Posts through Apprise."""

    def __init__(self, name: str, config: AppriseConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._service = _service(config.url, config.timeout)
        self._redact = Redactor([config.url, Secret(urlsplit(config.url.reveal()).netloc)])
        self._threads = ThreadPoolExecutor(config.concurrency, thread_name_prefix=f"apprise:{name}")
        self.facts = DestinationFacts(
            name=name,
            kind="apprise",
            max_text_runes=max(100, min(self._service.body_maxlen, _LONGEST_RUNES) * 3 // 4),
            long_text="cut",
        )

    async def deliver(self, parcel: Parcel) -> Outcome:
        """See Destination."""
        notify = partial(self._notify, self._draw(parcel))
        try:
            async with self._clock.timeout(self._config.timeout + WHOLE_TRY_MARGIN_S):
                return await asyncio.get_running_loop().run_in_executor(self._threads, notify)
        except TimeoutError:
            return Later(f"no answer within {self._config.timeout:g} s", unclear=True)

    async def probe(self) -> Outcome:
        """Apprise can ask nobody without posting: Delivered means that it knows the service, no more."""
        return Delivered()

    def preview(self, parcel: Parcel) -> Preview:
        """See Destination."""
        drawn = self._draw(parcel)
        cut = drawn["body"].endswith("(cut)") and not parcel.post.text.endswith("(cut)")
        most = min(self._service.body_maxlen, _LONGEST_RUNES)
        return Preview(
            f"apprise: {self._service.service_name}",
            body=drawn,
            remarks=("the text is cut",) if cut else (),
            sizes=(PartSize("title and text", len(drawn["title"]) + len(drawn["body"]), most),),
        )

    async def close(self) -> None:
        """See Destination. A post under way is left to its end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _draw(self, parcel: Parcel) -> dict[str, str]:
        """What Apprise is given, in the service's own format and size."""
        post = parcel.post
        title = " ".join(plain(replace_emoji_names(post.title)).split())[:_TITLE_RUNES]
        wanted = _format_of(self._service)
        room = min(self._service.body_maxlen, _LONGEST_RUNES) - len(title) - 4
        body = _in_format(replace_emoji_names(_body(post)), wanted, room)
        kind = "success" if parcel.phase == "resolved" else _TYPES.get(post.severity, "info")
        return {
            "title": title,
            "body": body,
            "body_format": wanted,
            "notify_type": kind,
        }

    def _notify(self, drawn: dict[str, str]) -> Outcome:
        with _Hearing() as hearing:
            done = self._service.notify(**drawn)
        if done:
            return Delivered()
        text = self._redact("; ".join(hearing.said))[:_SHOWN_RUNES] or "apprise does not say why"
        status = _STATUS.search(text)
        if status is not None and int(status[1]) >= HTTPStatus.MULTIPLE_CHOICES:
            return outcome_of(HttpAnswer(int(status[1]), {}, text), self._clock.wall_us(), self._redact)
        return Later(text, unclear=True)


class _Hearing(logging.Handler):
    """Keeps what Apprise tells its log about the call of this thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []
        self._thread = threading.get_ident()

    def __enter__(self) -> Self:
        logging.getLogger("apprise").addHandler(self)
        return self

    def __exit__(self, *ended: object) -> None:
        logging.getLogger("apprise").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        if record.thread == self._thread:
            self.said.append(record.getMessage())


def _service(url: Secret, timeout_s: float) -> Any:
    """Apprise's own object for a service. Raises ValueError when the extra is missing or the URL says nothing to it."""
    try:
        import apprise
    except ImportError:
        raise ValueError("apprise needs its extra: pip install 'ams-bridge[apprise]'") from None
    _hush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it now loads all its services; what those import is not ours to mend
        service = apprise.Apprise.instantiate(url.reveal(), suppress_exceptions=True)
    if service is None:
        raise ValueError("apprise does not know this URL; see https://github.com/caronc/apprise/wiki")
    service.socket_connect_timeout = service.socket_read_timeout = timeout_s
    service.request_rate_per_sec = 0  # the pace is the courier's
    service.retry = 0  # and so is trying again
    service.redirects = False  # a POST would become a GET
    return service


def _hush() -> None:
    """Keep what names URLs and contents out of our logs: what went wrong is in the outcome, without secrets."""
    apprises = logging.getLogger("apprise")
    apprises.propagate = False
    apprises.setLevel(logging.WARNING)
    if not apprises.handlers:
        apprises.addHandler(logging.NullHandler())
    logging.getLogger("urllib3").setLevel(logging.ERROR)


def _format_of(service: Any) -> str:
    """How the service writes: ``markdown`` where it can. Older releases of Apprise know one format for each."""
    resolve = getattr(service, "resolve_format", None)
    value = service.notify_format if resolve is None else resolve("markdown")
    return str(getattr(value, "value", value))


def _in_format(markdown: str, wanted: str, room: int) -> str:
    """The text as the service writes it, in the room it has."""
    match wanted:
        case "html":
            drawn = html(markdown).strip()
            return drawn if len(drawn) <= room else cut_text(plain(markdown), room)
        case "markdown":
            return cut_text(markdown, room)
        case _:
            return cut_text(plain(markdown), room)


def _body(post: Post) -> str:
    """All of the post in one Markdown text but the title."""
    fields = "\n".join(f"**{field.title}**: {field.value}" for field in post.fields)
    return "\n\n".join(part for part in (post.mention, post.text, fields, post.url, post.footer) if part) or "-"
