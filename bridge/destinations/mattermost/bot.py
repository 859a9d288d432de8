"""A Mattermost bot over REST: later news of an incident change the post it already has (destinations.md 2.5).

The bot's answer tells the post's id, which is kept as the receipt. A reminder, flapping, the end: each edits that post,
its text, colour and footer with how long and how often; ``history: thread`` also replies to it. A post that was
deleted, or is too old to be edited, is followed by a new one.

Nothing is posted twice as far as the server lets us know: each post carries a ``pending_post_id`` made of the
delivery's id, which the server remembers for 30 seconds, and the same id as a marker in its props, for which the
channel is read after a try that may have arrived.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import httpx
from pydantic import Field

from bridge.core.quantities import Pacing
from bridge.destinations.base import Delivered, Later, Outcome, Parcel, Preview, Refused
from bridge.destinations.buttons import Buttons, PostState
from bridge.destinations.canary_settings import CanarySettings
from bridge.destinations.config import CHAT_RATE, WHOLE_TRY_MARGIN_S, HeaderSecret, HttpDestinationConfig, WebUrl
from bridge.destinations.kit.http_call import HttpAnswer, pace_of
from bridge.destinations.kit.receipt import Receipt, course_of, find_open_post, pack_receipt, receipt_of, update_receipt
from bridge.destinations.kit.redact import Redactor
from bridge.destinations.mattermost.attachment import DECIDED_TEXT_RUNES, MAX_FIELDS, channel_name, is_wanted, sizes_of
from bridge.destinations.mattermost.bodies import Said, draw_edit, draw_history, draw_post, thread_of
from bridge.destinations.mattermost.cards import Deck
from bridge.destinations.mattermost.find_post import Marked, find_marked
from bridge.destinations.mattermost.probing import ask_ready
from bridge.destinations.mattermost.refusals import explain_closed_channel, is_final_for_post, is_too_old, plainer_of
from bridge.destinations.mattermost.rest import Directory, Made, Rest, decode_answer
from bridge.destinations.post_records import ShownPost
from broker.clock import Clock, us
from broker.errors import StoreError
from rules.model import DestinationFacts

_CLOCKS_DIFFER_S: Final = 600.0
_REDRAWINGS: Final = 5
_OVERRIDES: Final = frozenset({"channel", "team", "priority", "thread", "root_id", "silent", "card"})


class MattermostBotConfig(HttpDestinationConfig):
    """Settings of a Mattermost bot."""

    type: Literal["mattermost_bot"] = "mattermost_bot"
    rate: Pacing | None = Field(CHAT_RATE, description="Posts per time at most; null: as fast as it goes")
    url: WebUrl = Field(description="The server's address, such as https://chat.example.org")
    token: HeaderSecret = Field(description="The bot's access token")
    team: str = Field("", description="Team of the channel; empty: the only team the bot is in")
    channel: str = Field(description="Channel name, @user, or a channel's id")
    fallback_channel: str = Field(
        "",
        description="Where a post goes when its channel is gone or closed to the bot; empty: it becomes a dead letter",
    )
    edit: bool = Field(True, description="Later news of an incident change its post; false: each is a post of its own")
    history: Literal["none", "thread"] = Field(
        "none", description="thread: what changes a post is also said in its thread, where it notifies"
    )
    canary: CanarySettings | None = None
    buttons: bool = Field(False, description="Take, Silence and Why? below posts; needs server.public_url")
    feedback: bool = Field(False, description="Useful and Noise by these means, too, for the noise report")
    listen: Literal["none", "reactions", "replies", "both"] = Field(
        "none",
        description="Take, Silence and Why? by reactions to posts, replies in their threads, or both; read over a "
        "websocket that the bot opens, so the server need not reach us",
    )

    @property
    def edits(self) -> bool:
        """See DestinationConfig."""
        return self.edit


class MattermostBot:
    """Posts and edits as a bot."""

    def __init__(
        self,
        name: str,
        config: MattermostBotConfig,
        http: httpx.AsyncClient,
        clock: Clock,
        buttons: Buttons | None = None,
    ) -> None:
        self.config, listens = config, config.listen != "none"
        self.deck = Deck(name, buttons, draws_buttons=config.buttons, listens=listens, asks=config.feedback)
        self.rest = Rest(http, config.url, config.token, clock, Redactor([config.token]))
        self.directory = Directory(self.rest)
        self.facts = DestinationFacts(
            name=name,
            kind="mattermost_bot",
            max_text_runes=DECIDED_TEXT_RUNES,
            long_text="split",
            overrides=_OVERRIDES,
        )
        self._http = http
        self._clock = clock

    async def deliver(self, parcel: Parcel) -> Outcome:
        """See Destination."""
        telling = _Telling(self, parcel)
        try:
            async with self._clock.timeout(self.config.timeout + WHOLE_TRY_MARGIN_S):
                return await telling.tell()
        except TimeoutError:
            return Later(f"no answer within {self.config.timeout:g} s", unclear=telling.may_have_arrived)
        except StoreError as error:
            return Later(f"the store does not say what was done about it: {error}")

    async def probe(self) -> Outcome:
        """Ask who the bot is, and for its place in its channel and the fallback one (or for the person by name)."""
        config = self.config
        try:
            async with self._clock.timeout(config.timeout):
                return await ask_ready(self.rest, self.directory, config.team, config.channel, config.fallback_channel)
        except TimeoutError:
            return Later(f"no answer within {self.config.timeout:g} s")

    def preview(self, parcel: Parcel) -> Preview:
        """See Destination. A channel that was not looked up yet is shown by its name."""
        earlier = _post_to_edit(self.config, parcel)
        headers = {"Authorization": "Bearer ***", "Content-Type": "application/json"}
        remarks = []
        if len(parcel.post.fields) > MAX_FIELDS:
            remarks.append(f"{len(parcel.post.fields)} fields: the first {MAX_FIELDS} are sent")
        api = self.config.url.rstrip("/") + "/api/v4"
        if earlier is not None and _is_last(parcel):
            if self.config.history == "thread":
                remarks.append("the same is said in the post's thread")
            context = Said(course_of(parcel, earlier), target_channel(self.config, parcel))
            body = draw_edit(parcel, context, self.deck.draw_sample(parcel))
            return Preview(
                f"{api}/posts/{earlier.post}/patch", headers, body, tuple(remarks), sizes_of(body["message"], body)
            )
        where = where_of(self.config, parcel)
        channel_id = self.directory.recall_channel_id(*where)
        if channel_id is None:
            remarks.append(f'the id of the channel "{where[1]}" is looked up when it is sent')
        context = Said(course_of(parcel, earlier) if earlier else "", target_channel(self.config, parcel))
        body = draw_post(parcel, channel_id or where[1], context, thread_of(earlier), self.deck.draw_sample(parcel))
        return Preview(f"{api}/posts{_query(parcel)}", headers, body, tuple(remarks), sizes_of(body["message"], body))

    async def show(self, parcel: Parcel, post_id: str, course: str, state: PostState) -> bool:
        """See Changeable."""
        context = Said(course, target_channel(self.config, parcel))
        for form in dict.fromkeys((parcel.form, "small")):
            body = draw_edit(replace(parcel, form=form), context, self.deck.draw_face(parcel, state))
            answer = await self.rest.call("PUT", f"/posts/{post_id}/patch", body)
            if isinstance(answer, Later):
                return False
            if decode_answer(answer, Made) is not None:
                return True
            if plainer_of(answer, {}) is None:
                return False
        return False

    async def close(self) -> None:
        """See Destination."""
        await self._http.aclose()


class _Telling:
    """One try: edit or create, and what else belongs to it, each request at most once."""

    def __init__(self, bot: MattermostBot, parcel: Parcel) -> None:
        self.may_have_arrived = False
        self._config = bot.config
        self._rest = bot.rest
        self._directory = bot.directory
        self._deck = bot.deck
        self._parcel = parcel

    async def tell(self) -> Outcome:
        """Edit the post that the news belong into, else make one."""
        earlier = _post_to_edit(self._config, self._parcel)
        if earlier is None:
            return await self._post_anew()
        if not _is_last(self._parcel):
            # Of a text in several parts, the last one is the post's; those before it go on below.
            return await self._post_anew(thread_of(earlier), earlier)
        return await self._edit(earlier)

    async def _edit(self, earlier: Receipt) -> Outcome:
        context = self._make_said(earlier)
        await self._deck.note(earlier.channel)
        state = await self._deck.tell(self._parcel, earlier, context.course)
        answer = await self._show(earlier.post, context, state)
        if isinstance(answer, Later):
            return answer
        if decode_answer(answer, Made) is None:
            return await self._after_refused_edit(answer, earlier)
        receipt = update_receipt(earlier, self._parcel, card=state.post if state is not None else earlier.card)
        delivered = Delivered(pack_receipt(receipt, self._parcel), pace_of(answer.headers))
        if self._config.history != "thread" or self._parcel.form == "without-history":
            return delivered
        return await self._add_history(earlier, delivered)

    async def _show(self, post_id: str, context: Said, state: PostState | None) -> HttpAnswer | Later:
        """Change the post, and once more for each time that somebody did something about it meanwhile."""
        for _ in range(_REDRAWINGS):
            body = draw_edit(self._parcel, context, self._deck.draw_face(self._parcel, state))
            answer = await self._write("PUT", f"/posts/{post_id}/patch", body)
            moved = None
            if state is not None and not isinstance(answer, Later) and decode_answer(answer, Made) is not None:
                moved = await self._deck.check_moved(self._parcel, state)
            if moved is None:
                break
            state = moved
        return answer

    async def _after_refused_edit(self, answer: HttpAnswer, earlier: Receipt) -> Outcome:
        """A post that cannot be changed (gone, closed, too old) is followed by a new one, for whatever reason it is."""
        if not is_final_for_post(answer):
            return self._refusal(answer, {})
        return await self._post_anew(thread_of(earlier) if is_too_old(answer) else "", earlier)

    async def _add_history(self, earlier: Receipt, delivered: Delivered) -> Outcome:
        reply = draw_history(self._parcel, earlier)
        there = await self._find(earlier.channel, reply["pending_post_id"])
        if there:
            return there if isinstance(there, Later) else delivered
        answer = await self._write("POST", f"/posts{_query(self._parcel)}", reply)
        if isinstance(answer, Later):
            return answer
        if decode_answer(answer, Made) is not None or answer.status == httpx.codes.CREATED:
            return delivered
        failure = self._rest.classify_failure(answer)
        if isinstance(failure, Refused) and not failure.destination_gone:
            # The post itself says it. In a plainer form there is no other one to come, which could do without this.
            return delivered if self._parcel.form else replace(failure, plainer="without-history")
        return failure

    async def _post_anew(self, root: str = "", earlier: Receipt | None = None) -> Outcome:
        """Make a post, in the thread of ``root`` if one is named; ``earlier`` is the post it follows."""
        team, channel = where_of(self._config, self._parcel)
        channel_id = await self._directory.find_channel_id(team, channel)
        if not isinstance(channel_id, str):
            return self._elsewhere(channel_id)
        there = await self._find(channel_id, self._parcel.id)
        if there:
            return there if isinstance(there, Later) else await self._deliver(there, channel_id, root, earlier)
        outcome = await self._create(channel_id, root, earlier)
        if not isinstance(outcome, _Closed):
            return outcome
        # The name may belong to another channel by now.
        if self._directory.forget(team, channel):
            again = await self._directory.find_channel_id(team, channel)
            if not isinstance(again, str):
                return self._elsewhere(again)
            if again != channel_id:
                outcome = await self._create(again, root, earlier)
        return self._elsewhere(outcome.refused) if isinstance(outcome, _Closed) else outcome

    async def _create(self, channel_id: str, root: str, earlier: Receipt | None) -> Outcome | _Closed:
        await self._deck.note(channel_id)
        state = await self._deck.begin(self._parcel)
        body = draw_post(
            self._parcel, channel_id, self._make_said(earlier), root, self._deck.draw_face(self._parcel, state)
        )
        answer = await self._write("POST", f"/posts{_query(self._parcel)}", body)
        if isinstance(answer, Later):
            return answer
        made = decode_answer(answer, Marked)
        if made is not None:
            return await self._deliver(made, channel_id, body.get("root_id", ""), earlier, answer)
        if answer.status == httpx.codes.CREATED:  # it stands there, and nobody told us where
            return Delivered(pace=pace_of(answer.headers))
        refusal = self._refusal(answer, body)
        if not isinstance(refusal, Refused) or refusal.plainer is not None:
            return refusal
        why = explain_closed_channel(answer)
        return _Closed(replace(refusal, reason=f"{why}: {refusal.reason}")) if why else refusal

    async def _deliver(
        self, made: Marked, channel_id: str, root: str, earlier: Receipt | None, answer: HttpAnswer | None = None
    ) -> Delivered:
        """It stands there. Its card is the one it carries: an earlier try may have made it."""
        card = self._deck.name_in(made.card)
        if card:
            shown = ShownPost(made.id, channel_id, self._parcel.id, self._make_said(earlier).course)
            await self._deck.record_post(self._parcel, card, shown)
        receipt = receipt_of(self._parcel, made.id, channel=channel_id, root=root, follows=earlier, card=card)
        pace = pace_of(answer.headers) if answer is not None else None
        return Delivered(pack_receipt(receipt, self._parcel) if _is_last(self._parcel) else None, pace)

    def _make_said(self, earlier: Receipt | None) -> Said:
        course = course_of(self._parcel, earlier) if earlier is not None else ""
        return Said(course, target_channel(self._config, self._parcel))

    def _elsewhere(self, failure: Later | Refused) -> Later | Refused:
        """A post whose channel cannot be had may go to the other one."""
        if isinstance(failure, Later) or failure.destination_gone or self._parcel.form:
            return failure
        return replace(failure, plainer="other-channel") if self._config.fallback_channel else failure

    def _refusal(self, answer: HttpAnswer, body: Mapping[str, Any]) -> Later | Refused:
        """What a refused post or edit means, with the one plainer form worth a try."""
        failure, plainer = self._rest.classify_failure(answer), plainer_of(answer, body)
        if plainer is None or self._parcel.form or (isinstance(failure, Refused) and failure.destination_gone):
            return failure
        return Refused(failure.reason, plainer=plainer)

    async def _find(self, channel_id: str, marker: str) -> Marked | Later | None:
        """The post with our marker, if an earlier try did make it."""
        if not self._parcel.maybe_there:
            return None
        since_ms = max(0, self._parcel.created_us - us(_CLOCKS_DIFFER_S)) // 1000
        return await find_marked(self._rest, channel_id, marker, since_ms)

    async def _write(self, method: str, path: str, body: Mapping[str, Any]) -> HttpAnswer | Later:
        self.may_have_arrived = True
        answer = await self._rest.call(method, path, body)
        self.may_have_arrived = False
        return answer


@dataclass(frozen=True, slots=True)
class _Closed:
    """The channel is gone, or not the bot's to write to."""

    refused: Refused


def where_of(config: MattermostBotConfig, parcel: Parcel) -> tuple[str, str]:
    """Team and channel of a delivery, by name."""
    asked = parcel.post.overrides
    if parcel.form == "other-channel":
        return config.team, channel_name(config.fallback_channel)
    return str(asked.get("team") or config.team), target_channel(config, parcel)


def target_channel(config: MattermostBotConfig, parcel: Parcel) -> str:
    """The name of the channel that the delivery asks for."""
    return channel_name(parcel.post.overrides.get("channel") or config.channel)


def _post_to_edit(config: MattermostBotConfig, parcel: Parcel) -> Receipt | None:
    return find_open_post(parcel) if config.edit else None


def _is_last(parcel: Parcel) -> bool:
    return parcel.part >= parcel.parts - 1


def _query(parcel: Parcel) -> str:
    return "?silent=true" if is_wanted(parcel.post.overrides.get("silent")) else ""
