"""Carries messages from another AMS here by pulling them, each under the number that it had there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from bridge.cli.client import Client
from bridge.cli.foreign_ams import ForeignAms, ForeignHoldings, ForeignRefusal
from bridge.cli.output import Failed, format_count

_AT_ONCE: Final = 50
_BORROWED: Final = "ams-bridge-import-"


@dataclass(slots=True)
class Carrying:
    """Messages on their way from ``ams`` to ``here``: what was done, what was not, and topics ``left`` on the way."""

    ams: ForeignAms
    here: Client
    everything: bool
    done: list[str] = field(default_factory=list)
    not_taken: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def carry_all(self, holdings: ForeignHoldings) -> None:
        """Carry what subscriptions still wait for, then move each to where it stood. Raises Failed."""
        for project, entry in holdings.manifest.projects.items():
            for topic in entry.topics:
                readers = [name for name, subscription in entry.subscriptions.items() if subscription.topic == topic]
                positions = [holdings.stands[f"{project}/{name}"] for name in readers]
                if positions or self.everything:
                    self._try_topic(project, topic, positions)
            for name in entry.subscriptions:
                self._move(f"{project}/{name}", holdings.stands[f"{project}/{name}"])

    def _try_topic(self, project: str, topic: str, positions: Sequence[Mapping[str, int]]) -> None:
        """Carry the messages of one topic; what the other side refuses of it keeps no other from being carried."""
        try:
            self._carry_topic(project, topic, positions)
        except ForeignRefusal as refused:
            self.not_taken.append(f"messages of {project}/{topic}: {refused.message}")
            self.left.append(f"{project}/{topic}")

    def _carry_topic(self, project: str, topic: str, positions: Sequence[Mapping[str, int]]) -> None:
        with self._borrow(project, topic) as path:
            offsets = self.ams.ask("GET", f"{path}:offsets")
            begin, end = int(offsets["min"]), int(offsets["max"])
            if not self.everything:
                begin = max(begin, min(position["current"] for position in positions))
            place = self._reserve(project, topic, begin)
            if place > max(begin, end):
                self.not_taken.append(f"messages of {project}/{topic}: it has messages of its own here")
                return
            if place < end:
                self.ams.ask("POST", f"{path}:modifyOffset", {"offset": place})
            carried = 0
            while place < end:
                pulled = self.ams.ask(
                    "POST", f"{path}:pull", {"maxMessages": str(_AT_ONCE), "returnImmediately": "true"}
                ).get("receivedMessages")
                if not pulled:
                    self.not_taken.append(
                        f"messages {place} to {end - 1} of {project}/{topic}: the other side does not give them"
                    )
                    break
                carried += self._publish(project, topic, place, pulled)
                self.ams.ask("POST", f"{path}:acknowledge", {"ackIds": [pulled[-1]["ackId"]]})
                place = int(pulled[-1]["message"]["messageId"]) + 1
            if carried:
                self.done.append(
                    f"topic {project}/{topic}: {format_count(carried, 'message')} up to number {place - 1}"
                )

    @contextmanager
    def _borrow(self, project: str, topic: str) -> Iterator[str]:
        """The path of a subscription over there that is ours for a while; one left by an earlier try is used again."""
        path = f"/projects/{project}/subscriptions/{_BORROWED}{topic}"
        body = {"topic": f"projects/{project}/topics/{topic}", "ackDeadlineSeconds": 600}
        try:
            self.ams.ask("PUT", path, body)
        except ForeignRefusal as refused:
            if refused.code != httpx.codes.CONFLICT:
                raise
        try:
            yield path
        finally:
            self.ams.ask("DELETE", path)

    def _publish(self, project: str, topic: str, place: int, pulled: Sequence[Mapping[str, Any]]) -> int:
        """Publish what was pulled, in stretches without a gap; say how many were taken."""
        carried = 0
        stretch: list[Mapping[str, Any]] = []
        for message in [received["message"] for received in pulled]:
            number = int(message["messageId"])
            if number != place + len(stretch):
                carried += self._stretch(project, topic, place, stretch)
                place, stretch = self._reserve(project, topic, number), []
            stretch.append({"data": message.get("data") or "", "attributes": message.get("attributes") or {}})
        return carried + self._stretch(project, topic, place, stretch)

    def _stretch(self, project: str, topic: str, place: int, messages: Sequence[Mapping[str, Any]]) -> int:
        """Publish messages that follow one another; of those refused together, each by itself."""
        if not messages:
            return 0
        path = f"/v1/projects/{project}/topics/{topic}:publish"
        try:
            ids = self.here.post(path, {"messages": messages})["messageIds"]
        except Failed as refused:
            if len(messages) == 1:
                self.not_taken.append(f"message {project}/{topic}:{place}: {refused.message}")
                self._reserve(project, topic, place + 1)
                return 0
            return sum(self._stretch(project, topic, place + nth, [message]) for nth, message in enumerate(messages))
        if int(ids[0]) != place:
            raise Failed(
                f"{project}/{topic} got messages from somebody else meanwhile: {place} is {ids[0]} here. "
                "Let nobody publish to it here before everything is carried over."
            )
        return len(messages)

    def _reserve(self, project: str, topic: str, number: int) -> int:
        return int(self.here.post("/api/topics:reserve", {"topic": f"{project}/{topic}", "offset": number})["next"])

    def _move(self, name: str, stood: Mapping[str, int]) -> None:
        """Move a subscription forward to where it stood; never back, for it may have gone on here."""
        project, _, subscription = name.partition("/")
        path = f"/v1/projects/{project}/subscriptions/{subscription}"
        offsets = self.here.get(f"{path}:offsets")
        wanted = min(stood["current"], offsets["max"])
        if wanted > offsets["current"]:
            self.here.post(f"{path}:modifyOffset", {"offset": wanted})
            self.done.append(f"subscription {name}: stands at {wanted}")
