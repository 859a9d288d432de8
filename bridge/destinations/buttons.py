"""The buttons of a post: Take, Silence 1h/4h/1d, Why?, as Mattermost wants them in an attachment.

Any destination that posts attachments calls ``buttons_for`` and puts what it gets under ``actions``. One that can say
again how a delivery's post looks is ``Redrawable``: a click then shows in the post itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from bridge.core.built_in_rules import CANARY_RULE, DIGEST_RULE
from bridge.destinations.base import Parcel
from bridge.destinations.signed_context import ActionName, PostContext, Pressed, SignedContext
from broker.clock import us

if TYPE_CHECKING:
    from bridge.destinations.listened_channels import ListenedChannels
    from bridge.destinations.post_records import PostRecords
    from broker.clock import Clock
    from broker.tokens import Entropy

PATH: Final = "/actions/mattermost"
LIVES_S: Final = 7 * 86_400.0
MAX_KEY_RUNES: Final = 2_000
"""A post with a longer key has no buttons."""
_CARRIED_RUNES: Final = 100
"""What a card carries of key and incident; longer ones are the delivery's, which it names."""
_OVER: Final = frozenset({"resolved", "stale", "calm"})
_POST_NAME_BYTES: Final = 12
_WORDS: Final[Mapping[ActionName, str]] = {"useful": "Useful", "noise": "Noise"}
_SPANS: Final[Mapping[ActionName, str]] = {"silence1h": "1h", "silence4h": "4h", "silence1d": "1d"}


@dataclass(frozen=True, slots=True)
class Buttons:
    """What buttons and cards are made with. ``public_url`` is where the chat server reaches us; "" means no buttons."""

    public_url: str
    signed_context: SignedContext
    clock: Clock
    entropy: Entropy
    cards: PostRecords
    places: ListenedChannels

    @property
    def url(self) -> str:
        """Where clicks go, or ""."""
        return self.public_url.rstrip("/") + PATH if self.public_url else ""

    def begin(self) -> PostState:
        """The state of a post that is drawn for the first time."""
        return PostState(self.entropy(_POST_NAME_BYTES).hex(), self.expires_us)

    @property
    def expires_us(self) -> int:
        """When a card ends that is drawn now."""
        return self.clock.wall_us() + us(LIVES_S)


@dataclass(frozen=True, slots=True)
class PostState:
    """What clicks have made of a post: lines that say who did what, and whether somebody took the incident.

    ``post`` is the name of its card, and ``expires_us`` its end.
    """

    post: str
    expires_us: int
    remarks: tuple[str, ...] = ()
    taken: bool = False


@dataclass(frozen=True, slots=True)
class Redrawn:
    """A post as it is to stand now. ``props`` is all of them: what is left out would be gone."""

    message: str
    props: Mapping[str, Any]


@runtime_checkable
class Changeable(Protocol):
    """A destination that can change its posts itself."""

    async def show(self, parcel: Parcel, post_id: str, course: str, state: PostState) -> bool:
        """Let a post show a delivery, and what was done about it; False when the service will not have it."""


@runtime_checkable
class Redrawable(Protocol):
    """A destination whose posts only the answer to a click can change."""

    def redraw(self, parcel: Parcel, state: PostState) -> Redrawn:
        """The post of a delivery with its remarks and buttons. Pure but for the buttons' signatures."""


def buttons_for(
    parcel: Parcel, buttons: Buttons | None, state: PostState | None = None, *, feedback: bool = False
) -> list[dict[str, Any]]:
    """The attachment actions of a delivery's post; none where they cannot work, and only on its last part.

    Take is for an incident, and Take over for one that somebody has; an end has only Why?, for there is nothing left to
    take or silence. What is told of canaries has none, nor a digest: no rule decided it. With ``feedback`` people can
    also say whether a post was of use.
    """
    if buttons is None or not buttons.url or not may_have_card(parcel):
        return []
    state = state or buttons.begin()
    names: list[ActionName] = ["why"]
    if parcel.phase not in _OVER and parcel.rule:
        names = [*_SPANS, "why"]
        if parcel.incident:
            names = ["take", *names]
    if feedback and parcel.rule:
        names = [*names, *_WORDS]
    return [_action(parcel, buttons, state, name) for name in names]


def may_have_card(parcel: Parcel) -> bool:
    """Whether a delivery's post can be asked about.

    Only its last part, not with a key too long to carry, and nothing that is told of canaries, nor a digest.
    """
    if parcel.rule in (CANARY_RULE, DIGEST_RULE):
        return False
    return parcel.part == parcel.parts - 1 and len(parcel.key) <= MAX_KEY_RUNES


def card_of(parcel: Parcel, state: PostState) -> PostContext:
    """The card of a delivery's post."""
    is_long = _is_long(parcel)
    return PostContext(
        delivery=parcel.id,
        post=state.post,
        rule=parcel.rule,
        key="" if is_long else parcel.key,
        incident="" if is_long else parcel.incident,
        expires_us=state.expires_us,
        is_short=is_long,
    )


def _is_long(parcel: Parcel) -> bool:
    """Whether a post would be full of its key: five buttons and the card carry it."""
    return len(parcel.key) + len(parcel.incident) > _CARRIED_RUNES


def strip_tokens(actions: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The actions as they may be shown to people."""
    return [{**action, "integration": {**action["integration"], "context": {"token": "***"}}} for action in actions]


def _action(parcel: Parcel, buttons: Buttons, state: PostState, name: ActionName) -> dict[str, Any]:
    pressed = Pressed.on(card_of(parcel, state), name)
    return {
        "id": name,
        "type": "button",
        "name": _label(parcel, name, state),
        "style": "primary" if name == "take" and not state.taken else "default",
        "integration": {"url": buttons.url, "context": {"token": buttons.signed_context.sign(pressed)}},
    }


def _label(parcel: Parcel, name: ActionName, state: PostState) -> str:
    """What stands on the button. Without a key a silence covers all that the rule says, and so says the button."""
    if name in _SPANS:
        return f"Silence {_SPANS[name]}" if parcel.key else f"Silence rule {_SPANS[name]}"
    if name == "why":
        return "Why?"
    if name in _WORDS:
        return _WORDS[name]
    return "Take over" if state.taken else "Take"
