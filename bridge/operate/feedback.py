"""What people say of posts: useful, or noise. It is kept on the audit trail, and counted by rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bridge.operate.operator_context import OperatorContext, Requester

FEEDBACK: Final = "feedback."
_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Feedback:
    """How many people called posts of a rule useful, and how many noise: one word for each person and post."""

    useful: int = 0
    noise: int = 0


async def note_feedback(
    context: OperatorContext, by: Requester, rule: str, key: str, post: str, *, useful: bool
) -> None:
    """Keep what somebody said of a post; ``post`` names it, so that its last word counts."""
    word = "useful" if useful else "noise"
    await context.note(by, f"{FEEDBACK}{word}", f"{rule}: {key}", after={"rule": rule, "post": post})


async def count_feedback(context: OperatorContext, since_us: int) -> Mapping[str, Feedback]:
    """What was said since then, by rule. Raises StoreUnavailable."""
    last: dict[tuple[str, str], tuple[str, str]] = {}
    before: int | None = None
    while context.audit is not None:
        page, before = await context.audit.list_newest(
            _PAGE, before=before, since_us=since_us, wanted={"what": FEEDBACK}
        )
        for stored in page:  # the newest first
            about = (stored.entry.who, str(stored.entry.after.get("post", "")))
            word = stored.entry.what.removeprefix(FEEDBACK)
            last.setdefault(about, (str(stored.entry.after.get("rule", "")), word))
        if before is None:
            break
    counts = Counter(last.values())
    return {
        rule: Feedback(useful=counts[rule, "useful"], noise=counts[rule, "noise"])
        for rule in {rule for rule, _ in counts}
    }
