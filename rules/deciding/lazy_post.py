"""Posts that a dry run has decided and not rendered: whoever asks for the text gets it, nobody else pays for it.

Deciding never looks at a rendered text (semantics.md item 2), so a run that only compares or counts may leave it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from rules.deciding.render_post import Scene, compose
from rules.model import Post, Send
from rules.ruleset import RuleSet, SendEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwritten(Post):
    """Stands for a post until somebody asks for it."""

    rule_set: RuleSet
    scene: Scene
    now_us: int
    entry: SendEntry
    notes: Mapping[str, str]

    def render(self) -> Post:
        """The post itself, whole: not cut to its destination's size."""
        return compose(self.rule_set, self.scene, self.now_us, [self.entry], self.notes)[self.entry.slot].post

    def tells_the_same(self, other: Unwritten) -> bool:
        """Whether both give the same text if their rules are worded the same."""
        mine, its = self.scene, other.scene
        return (
            self.now_us == other.now_us
            and self.entry.slot == other.entry.slot
            and self.notes == other.notes
            and replace(mine, rule=its.rule) == its
        )


def render_send(send: Send) -> Post:
    """The post of a send, rendered now if it was not."""
    return send.post.render() if isinstance(send.post, Unwritten) else send.post
