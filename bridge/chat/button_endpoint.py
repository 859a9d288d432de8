"""``POST /actions/mattermost``: a click on a button, as the Mattermost server tells of it.

The call carries no signature and no session: what the button carries is the proof (``signed_context.py``). Whatever a
person can do wrong is answered with 200 and a line only that person sees; any other status shows as an ugly error.
Calls that no Mattermost makes (too large, no JSON) are answered 413 and 400.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.chat.button_dispatcher import Actor, CommandResult, Presser
from bridge.chat.requests import request_of
from bridge.core.bounded_body import BodyCutOff, BodyOverLimit, read_body
from bridge.core.error_answer import error_answer
from bridge.destinations.buttons import PATH
from bridge.destinations.signed_context import Pressed
from broker.errors import OutcomeUnknown, StoreUnavailable

MAX_BODY_BYTES: Final = 64 * 1024
_MALFORMED: Final = "INVALID_ARGUMENT"
_LONGEST_NAME: Final = 64
_LONGEST_ID: Final = 64
_REFUSALS: Final[Mapping[str, str]] = {
    "forged": "This button does not come from here, or the bridge has a new sealing key. Nothing was done.",
    "expired": "This button is too old. Nothing was done; the API and `ams-bridge silence add` still work.",
    "elsewhere": "This button belongs to another post. Nothing was done.",
}

log = structlog.get_logger("actions")


class Click(msgspec.Struct, frozen=True):
    """What is read of the server's call for a click."""

    user_name: str = ""
    user_id: str = ""
    channel_id: str = ""
    post_id: str = ""
    context: dict[str, Any] = {}

    @property
    def who(self) -> str:
        """The person's name in chat."""
        text = "".join(sign for sign in self.user_name or self.user_id if sign.isprintable())
        return text.strip()[:_LONGEST_NAME] or "somebody in chat"


class Actions:
    """Answers clicks on chat buttons. ``notify`` is given each one's action ("" if nobody can tell) and its outcome."""

    def __init__(self, presser: Presser, notify: Callable[[str, str], None]) -> None:
        self._presser = presser
        self._notify = notify

    def routes(self) -> list[Route]:
        """What to mount at the root."""
        return [Route(PATH, self.handle_click, methods=["POST"])]

    async def handle_click(self, request: Request) -> Response:
        """Answer one click."""
        try:
            body = await read_body(request.receive, MAX_BODY_BYTES)
        except BodyCutOff as error:
            return error_answer(400, str(error), _MALFORMED)
        except BodyOverLimit as error:
            self._notify("", "malformed")
            return error_answer(413, str(error), _MALFORMED)
        try:
            click = msgspec.json.decode(body, type=Click)
        except (msgspec.DecodeError, RecursionError) as error:
            self._notify("", "malformed")
            return error_answer(400, f"this is no click as Mattermost tells of it: {error}", _MALFORMED)
        return JSONResponse(await self._answer(click))

    async def _answer(self, click: Click) -> dict[str, Any]:
        token = click.context.get("token")
        pressed = self._presser.buttons.signed_context.open(
            token if isinstance(token, str) else "", self._presser.context.clock.wall_us()
        )
        if not isinstance(pressed, Pressed):
            return self._refuse("", pressed, click)
        if not (0 < len(click.post_id) <= _LONGEST_ID and len(click.channel_id) <= _LONGEST_ID):
            return self._refuse(pressed.action, "elsewhere", click)
        actor = Actor(click.who, click.post_id, click.channel_id)
        try:
            answer = await self._presser.press(pressed.card, request_of(pressed.action), actor)
        except (StoreUnavailable, OutcomeUnknown) as error:
            log.warning("a click could not be kept", action=pressed.action, error=str(error))
            self._notify(pressed.action, "failed")
            return make_private_line(
                "The bridge cannot reach its store. Try again in a moment; it may or may not be done."
            )
        except Exception as error:  # a bug of ours: told by name, never as a traceback to a person in chat
            log.exception("a click broke", action=pressed.action)
            self._notify(pressed.action, "failed")
            return make_private_line(f"A bug in ams-bridge: {type(error).__name__}; its log has more.")
        if not isinstance(answer, CommandResult):
            return self._refuse(pressed.action, "expired" if answer == "expired" else "elsewhere", click)
        self._notify(pressed.action, "done")
        return ({"update": answer.update} if answer.update else {}) | make_private_line(answer.text)

    def _refuse(self, action: str, why_not: str, click: Click) -> dict[str, Any]:
        log.warning("a click was refused", reason=why_not, action=action, post=click.post_id[:_LONGEST_ID])
        self._notify(action, why_not)
        return make_private_line(_REFUSALS[why_not])


def make_private_line(text: str) -> dict[str, Any]:
    """An answer with a line that only the person who clicked sees."""
    return {"ephemeral_text": text, "skip_slack_parsing": True}
