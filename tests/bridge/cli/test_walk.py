"""One walk over every command, with texts that others wrote: nothing raw, nothing wider than the terminal, quiet."""

from __future__ import annotations

import asyncio
import json
import re
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bridge.fakes.mattermost import FakeMattermost
from bridge.fakes.trouble import Answer
from tests.bridge.cli.command_tree import LEAVES
from tests.fakes.command_line import Said, command, write
from tests.fakes.control import BOARD, RULES, chat, meanwhile, routed
from tests.line.stage import TOKEN, Stage, a_stage

ODD = "\x1b[2J\x1b]0;gone\x07\x08\x00\x7f\x9b31m\x85\u202e\u2066\u200f\u061c\u2028\ufeff"
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\ufeff]")
WIDTH = 80
LONG_KEY = "k" * 200
WIDE_KEY = "漢字" * 60
EMOJI_KEY = "🔥" * 60
HOSTS = ["web1", LONG_KEY, WIDE_KEY, EMOJI_KEY, f"web{ODD}", "a b " * 50]
ONE_LINE = re.compile(r"✓ |There are more|Rules begin|Both are|[0-9]+ messages|.*never (held|taken): ")
"""Lines that are sentences: a terminal wraps them, and a copy of one stays whole."""
LEFT_OUT = {
    "run": "the daemon itself, which logs JSON",
    "demo": "runs for ever, or for seconds; its posts are panels, its books are those of ledger",
    "fake mattermost": "runs for ever, and prints posts as panels",
    "tail": "runs for ever: test_visible.py and test_daemon_commands.py",
    "import ams": "needs another AMS: test_import_ams.py",
    "restore": "needs that no daemon runs: test_store.py",
    "migrate": "needs a database of PostgreSQL, and prints a table of numbers",
    "nodes": "needs a store in PostgreSQL",
}
"""Commands that the walk does not take, and why."""
FILES = {
    "event.json": json.dumps({"host": HOSTS[4], "status": f"CRITICAL{ODD}"}),
    "events.jsonl": "".join(json.dumps({"host": host, "status": "CRITICAL"}) + "\n" for host in HOSTS),
    "am.yml": f'route: {{receiver: "r{LONG_KEY}"}}\nreceivers: [{{name: "r{LONG_KEY}", webhook_configs: [{{url: "http://x"}}]}}]\n',
    "grafana.json": "{}",
    "feed.xml": f"<results><SERVICE_ENDPOINT><HOSTNAME>{LONG_KEY}\u202e</HOSTNAME><IN_PRODUCTION>N</IN_PRODUCTION>"
    f"<SERVICE_TYPE>{WIDE_KEY}</SERVICE_TYPE></SERVICE_ENDPOINT></results>",
    "schema.json": '{"type": "object"}',
}


NO_TABLE = {
    "init": "sentences with paths",
    "completion": "a script",
    "send": "the payload as JSON",
    "import gocdb": "sentences",
    "export": "a settings file: its lines are YAML",
    "backup": "sentences",
    "rules explain": "a line a condition, with the value it saw",
    "rules record": "a rule file: its lines are YAML",
    "rules import alertmanager": "a rule file",
    "rules import grafana": "a rule file",
    "rules reference": "a page",
    "rules schema": "JSON",
    "rules simulate": "a line an event, as logs are",
    "rules test": "a line a send",
    "settings": "sentences",
    "timeline": "a line a thing that happened, which a terminal wraps",
}
"""Commands that print texts of files, or lines that a terminal wraps."""
EXACT = dict.fromkeys(
    ("rules record", "export"), "goes into a file as it is; on a terminal it is made visible (Output.document)"
)
MAY_FAIL = {
    "doctor": (0, 1),
    "rules import grafana": (78,),
    "deliveries replay": (0, 1),
    "deliveries drop": (0, 1),
    "subscription verify": (1,),
    "rules promote": (1,),
    "rules rollback": (1,),
}
"""Exit codes of commands that have something to complain of here."""
WORDS: dict[str, list[str]] = {
    "init": ["{folder}/new"],
    "check": [],
    "doctor": [],
    "settings": ["server"],
    "publish": ["P/T", "--data", "x", "-a", "a=b"],
    "pull": ["P/S", "--max", "50"],
    "replay": ["P/T:0"],
    "reload": [],
    "send": [
        "chat",
        "--text",
        f"t{ODD[9:]}{LONG_KEY}",
        "--title",
        WIDE_KEY,
        "--field",
        f"{LONG_KEY}={EMOJI_KEY}",
        "--preview",
    ],
    "deliveries list": [],
    "deliveries show": ["{delivery}"],
    "deliveries replay": ["{delivery}"],
    "deliveries drop": ["{delivery}", "--yes"],
    "incidents list": [],
    "incidents take": ["{incident}"],
    "incidents give-back": ["{incident}"],
    "silence add": [f"$.host={LONG_KEY}", f"key~{WIDE_KEY}*", "--for", "2h", "--why", f"w\x1b\u202e{EMOJI_KEY}"],
    "silence list": [],
    "silence expire": ["{silence}"],
    "ledger": ["--since", "24h"],
    "audit": [],
    "timeline": ["24h"],
    "find": ["web1"],
    "bundle": ["{delivery}", "--file", "{folder}/bundle.zip"],
    "report noise": [],
    "rota show": [],
    "people list": [],
    "people add": ["f" * 60, "--with-token"],
    "people role": ["ann", "responder"],
    "people token": ["ann"],
    "people password": ["ann", "--none"],
    "people sessions": [],
    "people remove": ["gone"],
    "silence preview": [f"key~{WIDE_KEY}*"],
    "silence change": ["{changed}", "--longer", "1h", "--why", f"w\x1b\u202e{EMOJI_KEY}"],
    "rules diff": [],
    "rules versions": [],
    "rules promote": [],
    "rules rollback": [],
    "project list": [],
    "project create": ["Q", "--description", f"d\x1b\u202e{WIDE_KEY}"],
    "project show": ["P"],
    "project delete": ["GONE", "--yes"],
    "topic list": ["P"],
    "topic create": ["P/" + "t" * 200],
    "topic show": ["P/T"],
    "topic delete": ["P/GONE", "--yes"],
    "topic acl": ["P/T", "--set", "u" * 60],
    "subscription list": ["P"],
    "subscription create": ["P/" + "s" * 150, "--topic", "T"],
    "subscription verify": ["P/S"],
    "subscription show": ["P/S"],
    "subscription delete": ["P/GONE", "--yes"],
    "subscription seek": ["P/S", "0"],
    "subscription acl": ["P/S"],
    "user list": [],
    "user create": ["new", "--email", f"a\x1b\u202e{WIDE_KEY}@example.org"],
    "user show": ["u" * 60],
    "user delete": ["gone", "--yes"],
    "user refresh-token": ["u" * 60],
    "schema list": ["P"],
    "schema create": ["P/new", "{folder}/schema.json"],
    "schema show": ["P/schema"],
    "schema delete": ["P/gone", "--yes"],
    "import gocdb": ["{folder}/feed.xml", "--project", "P"],
    "export": [],
    "backup": ["{folder}/copy.db"],
    "completion": ["bash"],
    "man": ["{folder}/man1"],
    "rules test": ["-v"],
    "rules explain": ["{folder}/event.json", "--topic", "P/T"],
    "rules simulate": ["--from", "{folder}/events.jsonl", "--topic", "P/T"],
    "rules backtest": ["--since", "9999d"],
    "rules record": ["--since", "9999d"],
    "rules coverage": ["--since", "9999d"],
    "rules schema": ["-"],
    "rules reference": [],
    "rules import alertmanager": ["{folder}/am.yml"],
    "rules import grafana": ["{folder}/grafana.json"],
}
"""What each command is given behind its words."""


@dataclass(frozen=True, slots=True)
class Walk:
    """A daemon that has decided odd and long things, with what commands name of it."""

    stage: Stage
    names: dict[str, str]

    async def say(self, path: str, *more: str) -> Said:
        """Run a command at 80 columns."""
        words = [word.format(**self.names) for word in WORDS[path]]
        options = ["--url", str(self.stage.http.base_url), "--token", TOKEN, "-c", f"{self.stage.folder}/bridge.yaml"]
        env = {"COLUMNS": str(WIDTH)}
        return await meanwhile(self.stage, asyncio.to_thread(command, *path.split(), *words, *more, *options, env=env))


@asynccontextmanager
async def walking(folder: Path, mattermost: FakeMattermost) -> AsyncIterator[Walk]:
    """The daemon, and files in its folder."""
    mattermost.script.always(lambda request: Answer(401, f"who {ODD} {WIDE_KEY}?"))
    write(folder, FILES)
    async with a_stage(folder, RULES, chat(mattermost.hook_url) + BOARD) as stage:
        await routed(stage)
        await stage.publish(*({"host": host, "status": f"CRITICAL{ODD}"} for host in HOSTS))
        letters = await stage.settled(len(HOSTS))
        for path, body in RESOURCES.items():
            method = stage.http.put if "/topics/" in path or "/subscriptions/" in path else stage.http.post
            (await method(path, json=body)).raise_for_status()
        silence = {"matchers": {"$.host": f"x{ODD[9:]}", "key": WIDE_KEY}, "for_s": 60, "why": f"w\x1b{EMOJI_KEY}"}
        made = (await stage.http.post("/api/silences", json=silence)).json()
        other = (
            await stage.http.post("/api/silences", json=silence | {"matchers": {"key": LONG_KEY}, "for_s": 86_400})
        ).json()
        for name in ("ann", "gone"):
            (await stage.http.post("/api/people", json={"name": name, "role": "viewer"})).raise_for_status()
        fires = (await stage.http.get("/api/incidents")).json()["incidents"]
        yield Walk(
            stage,
            {
                "incident": fires[0]["id"][:8],
                "folder": str(folder),
                "delivery": letters[0].id,
                "silence": made["silence"]["id"],
                "changed": other["silence"]["id"],
            },
        )


RESOURCES: dict[str, Any] = {
    "/v1/projects/GONE": {},
    "/v1/projects/P/topics/GONE": {},
    "/v1/projects/P/subscriptions/GONE": {"topic": "projects/P/topics/T"},
    "/v1/users/gone": {},
    f"/v1/users/{'u' * 60}": {"projects": [{"project": "P", "roles": ["consumer"]}], "email": f"{WIDE_KEY}@b"},
    "/v1/projects/P/schemas/schema": {"type": "json", "schema": {"description": f"{LONG_KEY}{WIDE_KEY}"}},
    "/v1/projects/P/schemas/gone": {"type": "json", "schema": {}},
}
"""What stands there before; some of it is there to be deleted."""


def cells(line: str) -> int:
    """How many columns a line takes on a terminal."""
    return sum(
        0 if unicodedata.combining(sign) or sign == "\u200d" else 2 if unicodedata.east_asian_width(sign) in "WF" else 1
        for sign in line
    )


def test_the_walk_takes_every_command() -> None:
    assert sorted([*WORDS, *LEFT_OUT]) == sorted(LEAVES)


async def test_nothing_that_others_wrote_is_raw_and_no_table_is_wider_than_the_terminal(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    wide: dict[str, list[str]] = {}
    raw, failed = {}, {}
    async with walking(tmp_path, mattermost) as walk:
        for path in WORDS:
            said = await walk.say(path)
            failed |= {path: said.err} if said.code not in MAY_FAIL.get(path, (0,)) else {}
            raw |= {path: said} if path not in EXACT and RAW.search(said.out + said.err) else {}
            lines = [line for line in said.out.splitlines() if cells(line) > WIDTH and not ONE_LINE.match(line)]
            wide |= {path: lines} if lines and path not in NO_TABLE else {}
    assert (failed, raw, wide) == ({}, {}, {})


async def test_quiet_commands_print_nothing_but_errors(tmp_path: Path, mattermost: FakeMattermost) -> None:
    loud = {}
    async with walking(tmp_path, mattermost) as walk:
        for path in WORDS:
            said = await walk.say(path, "--quiet")
            if said.out or (said.err and said.code == 0):
                loud[path] = said
            assert not (said.code and not said.err), path
    assert loud == {}


@pytest.mark.parametrize("form", [[], ["--quiet"]], ids=str)
async def test_tail_shows_what_a_terminal_would_obey_as_escapes_and_nothing_under_quiet(
    tmp_path: Path, form: list[str]
) -> None:
    async with a_stage(tmp_path, RULES, chat() + BOARD, store="memory") as stage:
        await routed(stage)
        url = str(stage.http.base_url)
        words = ["tail", "P/T", *form, "--url", url, "--token", TOKEN]
        tailing = asyncio.create_task(meanwhile(stage, asyncio.to_thread(command, *words)))
        while "tail:topics" not in {one.get_name() for one in asyncio.all_tasks()}:
            await stage.clock.advance(0)
        await stage.publish(f"n{ODD}{WIDE_KEY}".replace("\x00", "").encode(), {"note": "the last"})
        await stage.settled(1)
        await stage.clock.advance(1)
        stage.daemon.stopping.set()
        said = await tailing
    assert RAW.search(said.out + said.err) is None
    assert bool(said.out) is not bool(form)
