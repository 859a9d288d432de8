"""A real Alertmanager, alone and twice, that repeats itself: what people read is told once, ended once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.fakes.listening import running
from bridge.fakes.mattermost import FakeMattermost
from bridge.fakes.webhook import FakeWebhook
from bridge.routing.ledger import books
from broker.clock import SystemClock
from broker.engines import open_store
from tests.house.requirements import require_program
from tests.line.alertmanager import AlertmanagerProcess
from tests.line.process import DaemonProcess, a_free_port

PATIENCE_S = 30.0
TOKEN = "line-test-token"
SETTINGS = """
server: {{listen: "127.0.0.1:{port}", tls: off}}
store: sqlite:state/bridge.db
auth: {{service_token: {token}}}
log: {{level: warning, format: json}}
projects: {{OPS: {{topics: {{alerts: {{}}}}}}}}
sources:
  prometheus: {{type: alertmanager, topic: projects/OPS/topics/alerts, token: hook-token}}
destinations:
  chat: {{type: mattermost, url: "{url}", rate: null, retry: {{base: 100ms, max: 1s}}}}
"""
RULES = """
topic: projects/OPS/topics/alerts
rules:
  - name: alerts
    for_each: $.alerts[*]
    match: {$.status: firing}
    resolved: {$.status: resolved}
    key: "{{ data.fingerprint }}"
    dedupe: 4h
    template: alertmanager/alert
    send: chat
"""
DOWN = {"alertname": "Down", "severity": "critical", "instance": "db1"}
DOWN_TOO = {**DOWN, "instance": "db2"}
SLOW = {"alertname": "Slow", "severity": "warning", "instance": "web1"}


def told(labels: dict[str, str], state: str) -> str:
    """The first words of what people read of an alert, without its sign and severity."""
    return f"{labels['alertname']} {state} {labels['instance']}"


@dataclass
class Site:
    """A daemon with its channel, and Alertmanagers that call it."""

    folder: Path
    daemon: DaemonProcess
    hook: str
    mattermost: FakeMattermost
    counter: FakeWebhook
    alertmanagers: list[AlertmanagerProcess] = field(default_factory=list)

    def add_alertmanager(self, *, cluster_port: int = 0, peer: int = 0) -> AlertmanagerProcess:
        """Another Alertmanager, started."""
        made = AlertmanagerProcess(
            self.folder / f"alertmanager-{len(self.alertmanagers)}",
            a_free_port(),
            hook=self.hook,
            counter=self.counter.base_url,
            cluster_port=cluster_port,
            peer=peer,
        )
        self.alertmanagers.append(made)
        made.start()
        return made

    @property
    def posts(self) -> Counter[str]:
        """What stands in the channel: how often each alert was told to fire and to be over."""
        return Counter(map(_in_short, (post.text for post in self.mattermost.posts)))

    def wait_for(self, *wanted: str) -> None:
        """Return when all of this stands in the channel."""
        self.mattermost.world.board.wait_until(
            lambda posts: set(wanted) <= {_in_short(post.text) for post in posts}, PATIENCE_S
        )

    def wait_until_settled(self) -> None:
        """Return when nothing waits: what a kill interrupts before that is rightly sent again."""
        while self.waiting():
            self.wait_for_repeats(1)

    def waiting(self) -> list[Any]:
        """The deliveries that wait."""
        url = self.hook.partition("/hooks/")[0] + "/api/deliveries?state=waiting"
        answer = httpx.get(url, headers={"x-api-key": TOKEN}, timeout=10)
        found: list[Any] = answer.raise_for_status().json()["deliveries"]
        return found

    def wait_for_repeats(self, count: int = 4) -> None:
        """Return when Alertmanagers have called this often again."""
        self.counter.wait_for_attempts(len(self.counter.attempts) + count, PATIENCE_S)

    def all_end(self, *alerts: dict[str, str]) -> None:
        """Prometheus tells every Alertmanager that alerts are over."""
        for one in self.alertmanagers:
            one.end(*alerts)

    def all_fire(self, *alerts: dict[str, str]) -> None:
        """Prometheus tells every Alertmanager that alerts fire."""
        for one in self.alertmanagers:
            one.fire(*alerts)


def _in_short(text: str) -> str:
    words = text.split("\n")[0].replace("**", "").split()
    return f"{words[1]} {words[3]} {words[-1]}"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    require_program("prometheus-alertmanager", package="prometheus-alertmanager")
    port = a_free_port()
    with running(FakeMattermost()) as mattermost, running(FakeWebhook()) as counter:
        (tmp_path / "bridge.yaml").write_text(SETTINGS.format(port=port, token=TOKEN, url=mattermost.hook_url))
        (tmp_path / "rules.d").mkdir()
        (tmp_path / "rules.d" / "alerts.yaml").write_text(RULES)
        daemon = DaemonProcess(tmp_path / "bridge.yaml", cwd=tmp_path)
        hook = f"http://127.0.0.1:{port}/hooks/prometheus?token=hook-token"
        made = Site(tmp_path, daemon, hook, mattermost, counter)
        try:
            daemon.start()
            yield made
        finally:
            for one in made.alertmanagers:
                one.close()
            daemon.close()


async def books_balance(folder: Path) -> None:
    store = await open_store(f"sqlite://{folder}/state/bridge.db", SystemClock())
    try:
        (uid,) = await store.log.topics()
        (book,) = await books(store, {uid: "projects/OPS/topics/alerts"})
        assert book.balanced
        assert (book.messages.undecided, book.sends.waiting, book.sends.dead) == (0, 0, 0)
    finally:
        await store.close()


def finish(site: Site, *expected: str) -> None:
    """Each of these was told once, and nothing else, when all have repeated themselves and stopped."""
    for one in site.alertmanagers:
        one.stop()
    assert site.daemon.stop() == 0
    assert site.posts == Counter(expected)
    asyncio.run(books_balance(site.folder))


def test_a_group_is_told_once_and_ended_once_however_often_it_is_repeated(site: Site) -> None:
    one = site.add_alertmanager()
    one.fire(DOWN, DOWN_TOO, SLOW)
    site.wait_for(*(told(labels, "firing") for labels in (DOWN, DOWN_TOO, SLOW)))
    site.wait_for_repeats()
    one.end(DOWN)
    site.wait_for(told(DOWN, "resolved"))
    site.wait_for_repeats()
    one.end(DOWN_TOO, SLOW)
    site.wait_for(told(DOWN_TOO, "resolved"), told(SLOW, "resolved"))
    finish(site, *(told(labels, state) for labels in (DOWN, DOWN_TOO, SLOW) for state in ("firing", "resolved")))


def test_what_is_silenced_over_there_is_told_when_the_silence_ends_and_only_then(site: Site) -> None:
    one = site.add_alertmanager()
    silence = one.silence("instance", "db2")
    one.fire(DOWN, DOWN_TOO)
    site.wait_for(told(DOWN, "firing"))
    site.wait_for_repeats()
    assert site.posts == Counter([told(DOWN, "firing")])
    one.expire(silence)
    site.wait_for(told(DOWN_TOO, "firing"))
    one.silence("instance", "db1")
    one.end(DOWN_TOO)
    site.wait_for(told(DOWN_TOO, "resolved"))
    finish(site, told(DOWN, "firing"), told(DOWN_TOO, "firing"), told(DOWN_TOO, "resolved"))


def test_what_begins_again_is_told_again(site: Site) -> None:
    one = site.add_alertmanager()
    one.fire(DOWN)
    site.wait_for(told(DOWN, "firing"))
    one.end(DOWN)
    site.wait_for(told(DOWN, "resolved"))
    one.fire(DOWN, since="2020-02-01T00:00:00Z")
    site.mattermost.wait_for_posts(3, PATIENCE_S)
    one.end(DOWN, since="2020-02-01T00:00:00Z", until="2020-02-01T01:00:00Z")
    site.mattermost.wait_for_posts(4, PATIENCE_S)
    finish(site, *(told(DOWN, state) for state in ("firing", "resolved", "firing", "resolved")))


@pytest.mark.proof
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_daemon_that_was_gone_hears_the_end_from_an_alertmanager_that_tries_again(site: Site, how: str) -> None:
    one = site.add_alertmanager()
    one.fire(DOWN, SLOW)
    site.wait_for(told(DOWN, "firing"), told(SLOW, "firing"))
    site.wait_until_settled()
    getattr(site.daemon, how)()
    one.end(DOWN)
    one.wait_until(lambda: one.is_trying_again)
    site.daemon.start()
    site.wait_for(told(DOWN, "resolved"))
    one.end(SLOW)
    site.wait_for(told(SLOW, "resolved"))
    finish(site, *(told(labels, state) for labels in (DOWN, SLOW) for state in ("firing", "resolved")))


@pytest.mark.proof
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_an_alertmanager_that_was_gone_tells_nothing_twice(site: Site, how: str) -> None:
    one = site.add_alertmanager()
    one.fire(DOWN, SLOW)
    site.wait_for(told(DOWN, "firing"), told(SLOW, "firing"))
    getattr(one, how)()
    one.start()
    one.fire(DOWN, SLOW)  # as Prometheus does every minute
    site.wait_for_repeats()
    one.end(DOWN, SLOW)
    site.wait_for(told(DOWN, "resolved"), told(SLOW, "resolved"))
    finish(site, *(told(labels, state) for labels in (DOWN, SLOW) for state in ("firing", "resolved")))


@pytest.mark.proof
@pytest.mark.parametrize("is_cluster", [True, False], ids=["cluster", "each by itself"])
def test_two_alertmanagers_tell_what_one_would(site: Site, is_cluster: bool) -> None:
    ports = (a_free_port(), a_free_port()) if is_cluster else (0, 0)
    first = site.add_alertmanager(cluster_port=ports[0])
    second = site.add_alertmanager(cluster_port=ports[1], peer=ports[0])
    site.all_fire(DOWN, DOWN_TOO, SLOW)
    site.wait_for(*(told(labels, "firing") for labels in (DOWN, DOWN_TOO, SLOW)))
    site.wait_for_repeats(8)
    site.all_end(DOWN)
    site.wait_for(told(DOWN, "resolved"))
    second.kill()
    first.fire(DOWN_TOO, SLOW)
    site.wait_for_repeats()
    second.start()
    site.all_fire(DOWN_TOO, SLOW)
    site.wait_until_settled()
    site.daemon.kill()
    for one in (first, second):
        one.wait_until(lambda one=one: one.is_trying_again)
    site.daemon.start()
    for one in (first, second):  # else one that has waited may tell what fired then, after the other told its end
        one.wait_until(lambda one=one: not one.is_trying_again)
    site.wait_for_repeats(8)
    site.all_end(DOWN_TOO, SLOW)
    site.wait_for(told(DOWN_TOO, "resolved"), told(SLOW, "resolved"))
    finish(site, *(told(labels, state) for labels in (DOWN, DOWN_TOO, SLOW) for state in ("firing", "resolved")))
