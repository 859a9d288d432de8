"""The posts that stand on the server, in order, and a way to wait for them. Safe to read from any thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from bridge.fakes.mattermost.model import Post, Reaction


class Reactions:
    """The emoji on posts: of each kind one a person."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, list[Reaction]] = {}

    def add(self, reaction: Reaction) -> bool:
        """Keep a reaction; False when it is there."""
        with self._lock:
            kept = self._kept.setdefault(reaction.post_id, [])
            if any(_same(each, reaction.user_id, reaction.emoji_name) for each in kept):
                return False
            kept.append(reaction)
            return True

    def remove(self, post_id: str, user_id: str, emoji_name: str) -> Reaction | None:
        """Take a reaction away and give it; None when there is none."""
        with self._lock:
            kept = self._kept.get(post_id, [])
            gone = next((each for each in kept if _same(each, user_id, emoji_name)), None)
            self._kept[post_id] = [each for each in kept if each is not gone]
            return gone

    def on(self, post_id: str) -> list[Reaction]:
        """The reactions on a post, in order."""
        with self._lock:
            return list(self._kept.get(post_id, ()))

    def forget(self, post_id: str) -> None:
        """Forget the reactions on a post that is no longer kept."""
        with self._lock:
            self._kept.pop(post_id, None)

    def clear(self) -> None:
        """Forget all reactions."""
        with self._lock:
            self._kept.clear()


class Board:
    """Keeps the last ``keep_last`` posts, their earlier forms and ``reactions``; ``total`` counts all ever made.

    ``told`` hears of each change under its event's name, and ``told_reaction`` of each reaction.
    """

    def __init__(self, keep_last: int) -> None:
        self.told: Callable[[str, Post], None] = lambda kind, post: None
        self.told_reaction: Callable[[str, Reaction], None] = lambda kind, reaction: None
        self._keep_last = keep_last
        self._posts: dict[str, Post] = {}
        self._earlier: dict[str, list[Post]] = {}
        self.reactions = Reactions()
        self._since_clear = 0
        self.total = 0
        self._moved = threading.Condition()

    def add(self, posts: Sequence[Post]) -> None:
        """Keep new posts."""
        with self._moved:
            for post in posts:
                self._posts[post.id] = post
            self.total += len(posts)
            self._since_clear += len(posts)
            while len(self._posts) > self._keep_last:
                oldest = next(iter(self._posts))
                del self._posts[oldest]
                self._earlier.pop(oldest, None)
                self.reactions.forget(oldest)
            self._moved.notify_all()
        for post in posts:
            self.told("posted", post)

    def change(self, post: Post) -> None:
        """Put an edited or deleted post in the place of what it was; the earlier form is kept in ``history``."""
        with self._moved:
            self._earlier.setdefault(post.id, []).append(self._posts[post.id])
            self._posts[post.id] = post
            self._moved.notify_all()
        self.told("post_deleted" if post.delete_at_ms else "post_edited", post)

    def delete(self, post: Post, now_ms: int) -> None:
        """Delete a post and the replies to it; people are told of the post alone."""
        with self._moved:
            replies = [each for each in self._posts.values() if each.root_id == post.id and not each.delete_at_ms]
            for reply in replies:
                self._posts[reply.id] = mark_deleted(reply, now_ms)
        self.change(mark_deleted(post, now_ms))

    def react(self, reaction: Reaction) -> None:
        """Put a reaction on its post, which counts as changed by it; harmless when it is there."""
        if self.reactions.add(reaction):
            self._touch(reaction.post_id, reaction.create_at_ms)
            self.told_reaction("reaction_added", reaction)

    def unreact(self, post_id: str, user_id: str, emoji_name: str, now_ms: int) -> None:
        """Take a reaction away, which changes its post too; harmless when there is none."""
        gone = self.reactions.remove(post_id, user_id, emoji_name)
        if gone is not None:
            self._touch(post_id, now_ms)
            self.told_reaction("reaction_removed", gone)

    def _touch(self, post_id: str, now_ms: int) -> None:
        with self._moved:
            self._posts[post_id] = replace(self._posts[post_id], update_at_ms=now_ms)
            self._moved.notify_all()

    def find(self, post_id: str) -> Post | None:
        """The post as it stands now, deleted ones included."""
        with self._moved:
            return self._posts.get(post_id)

    def all(self) -> list[Post]:
        """Every post in the order in which they were made, as they stand now, deleted ones included."""
        with self._moved:
            return list(self._posts.values())

    def history(self, post_id: str) -> list[Post]:
        """Every form a post has had, the first first, the present one last."""
        with self._moved:
            present = self._posts.get(post_id)
            return [*self._earlier.get(post_id, ()), *([present] if present else [])]

    def wait_until(self, holds: Callable[[list[Post]], bool], timeout_s: float) -> list[Post]:
        """Return the posts once ``holds`` is true of them; asked after every change. Raises TimeoutError."""
        with self._moved:
            if self._moved.wait_for(lambda: holds(list(self._posts.values())), timeout_s):
                return list(self._posts.values())
            raise TimeoutError(f"{len(self._posts)} posts, and not as awaited, after {timeout_s:g} s")

    def wait_for(self, count: int, timeout_s: float) -> list[Post]:
        """Return the posts once ``count`` have been made since the start or ``clear``. Raises TimeoutError."""
        with self._moved:
            if self._moved.wait_for(lambda: self._since_clear >= count, timeout_s):
                return list(self._posts.values())
            raise TimeoutError(f"{self._since_clear} of {count} posts came within {timeout_s:g} s")

    def clear(self) -> None:
        """Forget every post."""
        with self._moved:
            self._posts.clear()
            self._earlier.clear()
            self._since_clear = 0
        self.reactions.clear()


def mark_deleted(post: Post, now_ms: int) -> Post:
    """The post as a soft delete leaves it: still there for who asks by time, gone for people."""
    return replace(post, delete_at_ms=now_ms, update_at_ms=now_ms)


def _same(reaction: Reaction, user_id: str, emoji_name: str) -> bool:
    return reaction.user_id == user_id and reaction.emoji_name == emoji_name
