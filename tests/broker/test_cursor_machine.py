"""AMS's cursor against a model of a few lines, whatever happens in whatever order (ams-api.md section 7)."""

import asyncio

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from broker.errors import AckRefused, OffsetOutOfBounds, TopicMissing
from tests.fakes.brokers import a_stage


class CursorMachine(RuleBasedStateMachine):
    """One topic and one subscription with a deadline of 10 s."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stage = self.run(a_stage())
        self.now_s = 0
        self.published_at: list[int] = []
        self.topic_there = True
        self.first = 0
        self.offset = 0
        self.pending_to = 0
        self.pending_at_s = 0

    def run(self, work):
        return self.runner.run(work)

    def teardown(self):
        self.runner.close()

    @property
    def end(self):
        return len(self.published_at)

    @rule(n=st.integers(1, 5))
    @precondition(lambda self: self.topic_there)
    def publish(self, n):
        assert self.run(self.stage.publish(*["x"] * n)) == list(range(self.end, self.end + n))
        self.published_at += [self.now_s] * n

    @rule(seconds=st.integers(1, 15))
    def wait(self, seconds):
        self.run(self.stage.clock.advance(seconds, turns=1))
        self.now_s += seconds

    @rule(n=st.integers(-1, 6))
    def pull(self, n):
        if not self.topic_there:
            try:
                self.run(self.stage.pull(n))
            except TopicMissing:
                return
            raise AssertionError("a pull without a topic")
        self.offset = min(max(self.offset, self.first), self.end)
        expected = list(range(self.offset, min(self.offset + max(n, 1), self.end)))
        assert self.run(self.stage.pull(n)) == expected
        self.pending_to, self.pending_at_s = self.offset + len(expected), self.now_s

    @rule(offset=st.integers(-1, 30))
    def acknowledge(self, offset):
        if self.pending_to == 0:
            expected = "no ack pending"
        elif not self.offset < offset + 1 <= self.pending_to:
            expected = "wrong ack"
        elif self.now_s - self.pending_at_s > 10:
            expected = "ack timeout"
        else:
            expected = ""
        said = ""
        try:
            self.run(self.stage.broker.acknowledge(self.stage.subscription, offset))
        except AckRefused as refused:
            said = refused.reason
        assert said == expected
        if not said:
            self.offset, self.pending_to = offset + 1, 0

    @rule(offset=st.integers(-1, 30))
    def modify_offset(self, offset):
        inside = self.topic_there and self.first <= offset <= self.end
        try:
            self.run(self.stage.broker.modify_offset(self.stage.subscription, offset))
        except OffsetOutOfBounds:
            assert not inside
        else:
            assert inside
            self.offset, self.pending_to = offset, 0

    @rule()
    def offsets(self):
        found = self.run(self.stage.broker.offsets(self.stage.subscription))
        if not self.topic_there:
            assert (found.min, found.max, found.current) == (-1, -1, self.offset)
            return
        current = min(max(self.offset, self.first), self.end)
        if current != self.offset:
            self.offset, self.pending_to = current, 0
        assert (found.min, found.max, found.current) == (self.first, self.end, current)

    @rule(before=st.integers(0, 30))
    @precondition(lambda self: self.topic_there)
    def trim(self, before):
        self.run(self.stage.broker.store.log.trim(self.stage.topic.uid, before))
        self.first = max(self.first, min(before, self.end))

    @rule(seconds=st.integers(0, 60))
    @precondition(lambda self: self.topic_there)
    def offset_at(self, seconds):
        start_us = self.stage.clock.wall_us() - self.now_s * 1_000_000
        found = self.run(self.stage.broker.offset_at(self.stage.subscription, start_us + seconds * 1_000_000))
        later = [n for n, at_s in enumerate(self.published_at) if at_s >= seconds and n >= self.first]
        assert found == (later[0] if later else None)

    @rule()
    def delete_or_make_the_topic(self):
        if self.topic_there:
            self.run(self.stage.broker.topics.delete(self.stage.topic))
        else:
            self.stage.topic = self.run(self.stage.broker.topics.create(self.stage.project, "T"))
            self.offset = self.pending_to = self.first = 0
            self.published_at = []
        self.topic_there = not self.topic_there

    @invariant()
    def the_subscription_names_its_topic(self):
        assert self.stage.subscription.topic_name == "T"


CursorMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestCursor = CursorMachine.TestCase
