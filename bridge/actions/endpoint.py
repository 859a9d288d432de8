"""``POST /actions/mattermost``: a click on a button, as the Mattermost server tells of it.

The call carries no signature and no session: what the button carries is the proof (``seal.py``). Whatever a person
can do wrong is answered with 200 and a line only that person sees; any other status shows as an ugly error. Calls that
no Mattermost makes (too large, no JSON) are answered 413 and 400.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.actions.binding import bind
from bridge.actions.buttons import PATH, Buttons, Redrawable, Standing
from bridge.actions.doing import Over, Silenced, Taken, silence, take_incident
from bridge.actions.seal import Pressed
from bridge.actions.why import why
from bridge.control.answering import refused
from bridge.control.source import ControlSource
from bridge.trying import parcel_of
from broker.errors import OutcomeUnknown, StoreUnavailable
from broker.model import Delivery, Leased
from rules.escape import escape_md
from rules.quiet.notes import at

MAX_BODY_BYTES: Final = 64 * 1024
_LONGEST_NAME: Final = 64
_LONGEST_ID: Final = 64
_REFUSALS: Final[Mapping[str, str]] = {
    "forged": "This button does not come from here, or the bridge has a new sealing key. Nothing was done.",
    "expired": "This button is too old. Nothing was done; the API and `ams-bridge silence add` still work.",
    "elsewhere": "This button belongs to another post. Nothing was done.",
}

log = structlog.get_logger("actions")


class Click(msgspec.Struct, frozen=True):
    """What we read of the server's call."""

    user_name: str = ""
    user_id: str = ""
    channel_id: str = ""
    post_id: str = ""
    context: dict[str, Any] = {}

    @property
    def who(self) -> str:
        """The person's name in chat."""
        said = "".join(sign for sign in self.user_name or self.user_id if sign.isprintable())
        return said.strip()[:_LONGEST_NAME] or "somebody in chat"


class Actions:
    """Answers clicks. ``told`` is given each one's action ("" if nobody can tell) and what became of it."""

    def __init__(self, source: ControlSource, buttons: Buttons, told: Callable[[str, str], None]) -> None:
        self._source = source
        self._buttons = buttons
        self._told = told

    def routes(self) -> list[Route]:
        """What to mount at the root."""
        return [Route(PATH, self.clicked, methods=["POST"])]

    async def clicked(self, request: Request) -> Response:
        """Take one call."""
        try:
            body = await _body(request)
        except ClientDisconnect:
            return refused(400, "the body did not arrive")
        if body is None:
            self._told("", "malformed")
            return refused(413, f"the body is larger than {MAX_BODY_BYTES} bytes")
        try:
            click = msgspec.json.decode(body, type=Click)
        except msgspec.DecodeError as error:
            self._told("", "malformed")
            return refused(400, f"this is no click as Mattermost tells of it: {error}")
        return JSONResponse(await self._answer(click))

    async def _answer(self, click: Click) -> dict[str, Any]:
        token = click.context.get("token")
        pressed = self._buttons.seal.open(token if isinstance(token, str) else "", self._source.clock.wall_us())
        if not isinstance(pressed, Pressed):
            return self._refuse("", pressed, click)
        if not (0 < len(click.post_id) <= _LONGEST_ID and len(click.channel_id) <= _LONGEST_ID):
            return self._refuse(pressed.action, "elsewhere", click)
        try:
            answer = await self._press(pressed, click)
        except (StoreUnavailable, OutcomeUnknown) as error:
            log.warning("a click could not be kept", action=pressed.action, error=str(error))
            self._told(pressed.action, "failed")
            return only_you("The bridge cannot reach its store. Try again in a moment; it may or may not be done.")
        except Exception as error:  # a bug of ours: told by name, never as a traceback to a person in chat
            log.exception("a click broke", action=pressed.action)
            self._told(pressed.action, "failed")
            return only_you(f"A bug in ams-bridge: {type(error).__name__}; its log has more.")
        if answer is None:
            return self._refuse(pressed.action, "elsewhere", click)
        self._told(pressed.action, "done")
        return answer

    async def _press(self, pressed: Pressed, click: Click) -> dict[str, Any] | None:
        """The answer to a genuine button; None when it was pressed in a post that is not its own."""
        bound = await self._bound(pressed, click)
        if bound is None:
            return None
        delivery = await self._delivery(pressed)
        if pressed.action == "why":
            return only_you(await why(self._source, pressed, delivery))
        log.info("a button was pressed", action=pressed.action, rule=pressed.rule, key=pressed.key, who=click.who)
        done = await self._done(pressed, click)
        remark = _remark(done, pressed, self._source.clock.wall_us())
        if not remark or bound.remarks[-1:] == (remark,):
            return only_you(_said(done, pressed))
        standing = await self._bound(pressed, click, remark, takes=isinstance(done, Taken)) or bound
        update = await self._update(pressed, delivery, standing)
        return ({"update": update} if update else {}) | only_you(_said(done, pressed, shown=update is not None))

    async def _bound(self, pressed: Pressed, click: Click, remark: str = "", *, takes: bool = False) -> Standing | None:
        bound = await bind(
            self._source.store, pressed, post_id=click.post_id, channel_id=click.channel_id, remark=remark, takes=takes
        )
        return bound if isinstance(bound, Standing) else None

    async def _done(self, pressed: Pressed, click: Click) -> Taken | Over | Silenced:
        if pressed.action == "take":
            return await take_incident(self._source, pressed, click.who)
        return await silence(self._source, pressed, click.who)

    async def _delivery(self, pressed: Pressed) -> Delivery | None:
        found = await self._source.store.outbox.read(pressed.delivery)
        return found[0] if found is not None else None

    async def _update(self, pressed: Pressed, delivery: Delivery | None, standing: Standing) -> dict[str, Any] | None:
        """The post as it is to stand now; None when nobody can say how it looked."""
        if delivery is None:
            return None
        destination: object = self._source.destinations().get(delivery.new.destination)
        if not isinstance(destination, Redrawable):
            return None
        earlier = await self._source.store.outbox.receipt(delivery.new.destination, delivery.new.order_key)
        redrawn = destination.redrawn(parcel_of(Leased(delivery, "", earlier)), standing)
        return {"message": redrawn.message, "props": redrawn.props}

    def _refuse(self, action: str, why_not: str, click: Click) -> dict[str, Any]:
        log.warning("a click was refused", reason=why_not, action=action, post=click.post_id[:_LONGEST_ID])
        self._told(action, why_not)
        return only_you(_REFUSALS[why_not])


def only_you(text: str) -> dict[str, Any]:
    """A line that only the person who clicked sees."""
    return {"ephemeral_text": text, "skip_slack_parsing": True}


def _remark(done: Taken | Over | Silenced, pressed: Pressed, now_us: int) -> str:
    """What the post says from now on; "" when nothing changed."""
    match done:
        case Taken(who, before) if who != before:
            instead = f" from {escape_md(before)}" if before else ""
            return f"Taken by {escape_md(who)}{instead}, {at(now_us)}"
        case Silenced(who, until_us, _, stood) if not stood:
            return f"Silenced by {escape_md(who)} until {at(until_us)}{_what(pressed)}"
        case _:
            return ""


def _said(done: Taken | Over | Silenced, pressed: Pressed, *, shown: bool = True) -> str:
    """What the person who clicked is told."""
    lost = "" if shown else " The post itself could not be changed."
    match done:
        case Over():
            return "This incident is over: there is nothing to take."
        case Taken(who, before) if who == before:
            return "It is yours already."
        case Taken():
            return f"It is yours: no more reminders.{lost}"
        case Silenced(who, until_us, _, True):
            return f"It is silent already, until {at(until_us)}, by {escape_md(who)}."
        case Silenced(_, until_us, suppressed):
            waiting = f" {suppressed} that waited will not be sent." if suppressed else ""
            return f"Silent until {at(until_us)}{_what(pressed)}.{waiting}{lost}"


def _what(pressed: Pressed) -> str:
    return "" if pressed.key else f": everything rule {escape_md(pressed.rule)} says"


async def _body(request: Request) -> bytes | None:
    """The body, or None when it is too large; the rest of one that is too large is not read."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)
