"""A real Prometheus reads a real daemon: every query of the dashboard is answered, every alert rule is evaluated."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from broker.clock import SystemClock
from tests.deploy.monitoring import FOLDER, alerts, metrics_in, queries
from tests.house.requirements import require_program
from tests.line.process import a_free_port
from tests.line.stage import Stage, a_stage

PATIENCE_S = 40.0
RULES = """
topic: projects/P/topics/T
rules:
  - {name: all, match: {$.n: {exists: true}}, text: "{{ data.n }}", send: inbox}
  - {name: odd, match: {$.odd: {exists: true}}, text: "{{ data.odd.no.such }}", key: "{{ data.odd.no }}", send: inbox}
"""


class Prometheus:
    """Debian's Prometheus on loopback, as its own API shows it."""

    def __init__(self, url: str) -> None:
        self._http = httpx.AsyncClient(base_url=url, timeout=10)

    async def query(self, query: str) -> list[dict[str, Any]]:
        """What an instant query finds."""
        answer = await self._http.get("/api/v1/query", params={"query": query})
        assert answer.status_code == 200, f"{query}: {answer.text}"
        return list(answer.json()["data"]["result"])

    async def rules(self) -> dict[str, str]:
        """Each alert with the health of its rule."""
        groups = (await self._http.get("/api/v1/rules")).json()["data"]["groups"]
        return {rule["name"]: f"{rule['health']} {rule.get('lastError', '')}" for g in groups for rule in g["rules"]}

    async def is_up(self) -> bool:
        """Whether it answers."""
        try:
            return (await self._http.get("/-/ready")).status_code == 200
        except httpx.TransportError:
            return False

    async def close(self) -> None:
        """Forget its connections."""
        await self._http.aclose()


async def until(holds: Callable[[], Awaitable[bool]], what: str) -> None:
    clock = SystemClock()
    until_s = clock.monotonic() + PATIENCE_S
    while not await holds():
        assert clock.monotonic() < until_s, f"never came to be: {what}"
        await clock.sleep(0.1)


@asynccontextmanager
async def a_prometheus(folder: Path, target: str, token: str) -> AsyncIterator[Prometheus]:
    """A Prometheus that watches ``target`` as deploy/monitoring says, once a second."""
    program = require_program("prometheus", package="prometheus")
    folder.mkdir()
    shipped = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())
    (job,) = shipped["scrape_configs"]
    job |= {"scheme": "http", "static_configs": [{"targets": [target]}], "authorization": {"credentials": token}}
    del job["tls_config"]
    intervals = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    shipped |= {"global": intervals, "rule_files": [str(FOLDER / "alerts.yaml")]}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(shipped))
    port = a_free_port()
    command = [
        program,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
        prometheus = Prometheus(f"http://127.0.0.1:{port}")
        try:
            await until(prometheus.is_up, f"Prometheus is up: {(folder / 'log').read_text()[-2000:]}")
            yield prometheus
        finally:
            await prometheus.close()
            process.kill()
            await asyncio.to_thread(process.wait, 30)


async def make_traffic(stage: Stage) -> None:
    """A little of everything that is counted without a chat server."""
    await stage.publish({"n": 1}, {"n": 2}, {"odd": 1}, {"m": 3})
    await stage.settled(2)
    await stage.http.post("/hooks/hook", json={"n": 4}, headers={"x-api-key": "hook-token"})
    await stage.settled(3)
    await stage.http.get("/v1/projects/NONE")


def mentions(query: str, words: tuple[str, ...]) -> bool:
    return any(word in query for word in words)


async def test_a_real_prometheus_answers_every_query_of_the_dashboard(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, "  inbox: {type: inbox}") as stage:
        await make_traffic(stage)
        target = f"127.0.0.1:{stage.daemon.servers[0].port}"
        async with a_prometheus(tmp_path / "prometheus", target, "stage-token") as prometheus:

            async def was_read_twice() -> bool:
                read = await prometheus.query('count_over_time(up{job="ams-bridge"}[1m]) > 2')
                return bool(read)

            async def was_judged() -> bool:
                return all(health.startswith("ok") for health in (await prometheus.rules()).values())

            await until(was_read_twice, "Prometheus read the metrics")
            shown = {title for title, query in queries() if await prometheus.query(query)}
            await until(was_judged, "every rule was evaluated without an error")
            rules = await prometheus.rules()
            stored = {found["metric"]["__name__"] for found in await prometheus.query('{job="ams-bridge"}')}
            (up,) = await prometheus.query('up{job="ams-bridge"}')
    assert up["value"][1] == "1"
    assert rules.keys() == {rule["alert"] for rule in alerts()}
    nothing_yet = ("> 0", 'state="waiting"')  # nothing was refused, and nothing waits
    asked = {title for title, query in queries() if metrics_in(query) & stored and not mentions(query, nothing_yet)}
    assert asked - shown == set()
    assert {"Tries", "Decided messages", "Answers of the AMS API", "Store", "Books balance", "Release"} <= shown
