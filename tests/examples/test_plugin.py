"""examples/plugin-rocketchat: installed as people install it, its own tests, and end to end through a daemon."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.fakes.listening import running
from tests.fakes.packages import install_package
from tests.house.reading import ROOT
from tests.line.process import DaemonProcess, a_free_port

EXAMPLE = ROOT / "examples" / "plugin-rocketchat"
HOOK = "http://127.0.0.1:9/hooks/65a1f0c2d4e5b6a7c8d9e0f1/qWertyuiopasdfghjklzxcvbnm1234567890"
SECRETS = {"AMS_BRIDGE_TOKEN": "the-service-token", "KUMA_TOKEN": "the-kuma-token"}
TOKEN = {"x-api-key": SECRETS["AMS_BRIDGE_TOKEN"]}


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that has the package as pip puts it there; nothing is fetched, and this environment stays as it is."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    offline = ["--no-deps", "--no-build-isolation", "--target", str(folder)]
    answer = subprocess.run([*pip, *offline, str(EXAMPLE)], capture_output=True, text=True, timeout=120, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return folder


def run(*words: str | Path, folders: tuple[Path, ...], cwd: Path = ROOT, **environ: str) -> Any:
    """A command of an environment that has what is in ``folders``."""
    path = os.pathsep.join(map(str, (ROOT, *folders)))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    around = inherited | {"PYTHONPATH": path, "COLUMNS": "200", "ROCKETCHAT_HOOK": HOOK} | SECRETS | environ
    return subprocess.run(
        [sys.executable, *words], cwd=cwd, env=around, capture_output=True, text=True, timeout=240, check=False
    )


def ams_bridge(*words: str | Path, folders: tuple[Path, ...]) -> Any:
    program = "import sys; from bridge.cli.main import main; sys.argv[0] = 'ams-bridge'; main()"
    return run("-c", program, *words, folders=folders)


@pytest.mark.timeout(300)
def test_its_own_tests_pass_against_what_is_installed(installed: Path, tmp_path: Path) -> None:
    cache = f"cache_dir={tmp_path}"
    told = run(
        "-m", "pytest", "-q", "-c", "pyproject.toml", "-o", cache, "-p", "no:xdist", folders=(installed,), cwd=EXAMPLE
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert "TestRocketChat" not in told.stdout
    assert int(told.stdout.split(" passed")[0].split()[-1]) > 50


def test_check_names_each_plugin_with_its_package_and_the_sample_passes_its_tests(installed: Path) -> None:
    settings = EXAMPLE / "sample" / "bridge.yaml"
    told = ams_bridge("--config", settings, "check", folders=(installed,))
    assert told.returncode == 0, told.stdout + told.stderr
    for what in (
        "destination type rocketchat",
        "source type uptime_kuma",
        "filter short_host",
        "operator version_below",
    ):
        assert f"the {what} of the plugin ams-bridge-rocketchat 1.0.0" in told.stdout
    tests = ams_bridge("--config", settings, "rules", "test", folders=(installed,))
    assert "2 passed" in tests.stdout, tests.stdout + tests.stderr
    value = json.loads(ams_bridge("--config", settings, "--json", "check", folders=(installed,)).stdout)
    assert {one["extends"] for one in value["plugins"]} == {"destinations", "sources", "filters", "operators"}


def test_what_a_plugin_adds_is_documented_and_in_the_schemas(installed: Path) -> None:
    keys = json.loads(ams_bridge("--json", "settings", "destinations.NAME", folders=(installed,)).stdout)
    (alias,) = (row for row in keys if row["key"] == "destinations.NAME.alias")
    assert (alias["kinds"], alias["takes"]) == ("rocketchat", "text")
    whole = json.loads(ams_bridge("settings", "--schema", folders=(installed,)).stdout)
    assert "rocketchat_bot" in json.dumps(whole["properties"]["destinations"])
    assert "alias" in whole["$defs"]["RocketChatConfig"]["properties"]
    reference = ams_bridge("rules", "reference", folders=(installed,)).stdout
    assert "| `version_below` | a version lower than this one |" in reference
    assert "Of ams-bridge-rocketchat 1.0.0. The first part of a host's name." in reference
    schema = json.loads(ams_bridge("rules", "schema", "--generic", "-", folders=(installed,)).stdout)
    assert "version_below" in json.dumps(schema["$defs"]["value"])


def test_settings_of_a_plugin_are_checked_and_its_secrets_hidden(installed: Path, tmp_path: Path) -> None:
    settings = tmp_path / "bridge.yaml"
    settings.write_text(
        "destinations:\n  chat: {type: rocketchat, url: not-a-url-s3cret, alais: x}\n  bot: {type: rocketchat_bots}\n"
    )
    told = ams_bridge("--config", settings, "check", folders=(installed,))
    assert told.returncode == 78
    assert "destinations.chat.url" in told.stderr
    assert 'unknown key "alais"; did you mean "alias"' in told.stderr
    assert 'unknown type "rocketchat_bots"; did you mean "rocketchat_bot"' in told.stderr
    assert "s3cret" not in told.stdout + told.stderr


def test_a_plugin_that_cannot_be_used_stops_nobody_who_does_not_use_it(installed: Path, tmp_path: Path) -> None:
    broken = tmp_path / "site"
    points = {
        "destinations:sad": "sad_one:PLUGIN",
        "operators:sad": "sad_one:PLUGIN",
        "filters:upper": "sad_one:PLUGIN",
    }
    install_package(
        broken, "sad", points | {"filters:sad": "sad_one:PLUGIN"}, {"sad_one": "import no_such_module_here"}
    )
    folders = (installed, broken)
    told = ams_bridge("--config", EXAMPLE / "sample" / "bridge.yaml", "check", folders=folders)
    assert told.returncode == 0, told.stdout + told.stderr
    why = "it cannot be imported: ModuleNotFoundError: No module named 'no_such_module_here'"
    for what in ("destination type sad", "operator sad", "filter sad"):
        assert f"a plugin cannot be used: sad 1.0 adds the {what}, but {why}" in told.stderr
    assert 'adds the filter upper, but "upper" is built in; uninstall sad' in told.stderr
    assert "Traceback" not in told.stderr

    settings = tmp_path / "bridge.yaml"
    settings.write_text("destinations:\n  chat: {type: sad}\n  inbox: {type: inbox}\n")
    told = ams_bridge("--config", settings, "check", folders=folders)
    assert told.returncode == 78
    assert f'the type "sad" cannot be used: sad 1.0 offers it, but {why}' in told.stderr

    rules = "rules:\n  - {name: r, match: {$.a: {sad: 1}}, text: '{{ text | sad }}', send: [{to: inbox}]}\n"
    (tmp_path / "rules.yaml").write_text(rules)
    settings.write_text("destinations:\n  inbox: {type: inbox}\nrules: rules.yaml\n")
    told = ams_bridge("--config", settings, "check", folders=folders)
    assert f'the operator "sad" cannot be used: sad 1.0 offers it, but {why}' in told.stderr
    assert f'the filter "sad" cannot be used: sad 1.0 offers it, but {why}' in told.stderr
    assert "Traceback" not in told.stderr


@contextmanager
def a_daemon(folder: Path, installed: Path, *more: Path, **environ: str) -> Iterator[tuple[DaemonProcess, str]]:
    """A daemon on the sample's rules, in a process that has the package; gives it with its address."""
    port = a_free_port()
    text = (EXAMPLE / "sample" / "bridge.yaml").read_text().replace("127.0.0.1:8080", f"127.0.0.1:{port}")
    for section in ("destinations", "sources"):
        text = text.replace(f"{section}:\n", f"{section}:\n{environ.pop(section, '')}")
    settings = folder / "bridge.yaml"
    settings.write_text(f"{text.replace('rules: rules', '')}rules: {EXAMPLE / 'sample' / 'rules'}\nstore: memory\n")
    process = DaemonProcess(settings, cwd=folder)
    path = os.pathsep.join(map(str, (ROOT, installed, *more)))
    try:
        process.start(PYTHONPATH=path, **SECRETS, **environ)
        yield process, f"http://127.0.0.1:{port}"
        assert process.stop() == 0
    finally:
        process.close()


def a_notification(monitor: str) -> dict[str, Any]:
    return {"msg": "[Down]", "heartbeat": {"status": 0, "msg": "timeout"}, "monitor": {"name": monitor}}


def test_a_call_to_its_source_becomes_a_message_at_the_chat_server(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(EXAMPLE / "tests")
    from fake_rocketchat import FakeRocketChat

    with (
        running(FakeRocketChat()) as chat,
        a_daemon(tmp_path, installed, ROCKETCHAT_HOOK=chat.hook_url) as (process, url),
    ):
        call = {"headers": {"x-api-key": SECRETS["KUMA_TOKEN"]}, "json": a_notification("web1.example.org")}
        answer = httpx.post(f"{url}/hooks/kuma", **call)
        assert answer.status_code == 200, answer.text
        chat.wait_for_attempts(1, 30)
        (message,) = chat.messages
        assert "web1 is down" in message["text"]
        assert message["attachments"][0]["text"] == "timeout"
        assert httpx.post(f"{url}/hooks/kuma", headers=call["headers"], content=b"<html>").status_code == 400
        assert chat.TOKEN not in process.log


def test_a_destination_that_its_plugin_cannot_make_waits_and_the_others_go_on(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(EXAMPLE / "tests")
    from fake_rocketchat import FakeRocketChat

    site = tmp_path / "site"
    text = (
        "from typing import Literal\nfrom bridge.plugin import DestinationConfig, DestinationPlugin\n"
        "class C(DestinationConfig):\n    type: Literal['lame'] = 'lame'\n"
        "def make(name, config, tools):\n    raise KeyError('no leg to stand on')\n"
        "PLUGIN = DestinationPlugin(1, C, make)\n"
    )
    install_package(site, "lame", {"destinations:lame": "lame_one:PLUGIN"}, {"lame_one": text})
    lame = {"destinations": "  lame: {type: lame}\n"}
    with (
        running(FakeRocketChat()) as chat,
        a_daemon(tmp_path, installed, site, ROCKETCHAT_HOOK=chat.hook_url, **lame) as (process, url),
    ):
        call = {"headers": {"x-api-key": SECRETS["KUMA_TOKEN"]}, "json": a_notification("web1.example.org")}
        assert httpx.post(f"{url}/hooks/kuma", **call).status_code == 200
        chat.wait_for_attempts(1, 30)
        sent = httpx.post(f"{url}/api/send", headers=TOKEN, json={"destination": "lame", "text": "hello"})
        assert "no leg to stand on" in sent.text
        assert "Traceback" not in process.log


def test_a_source_of_a_plugin_that_fetches_brings_its_messages(installed: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    text = (
        "from typing import Literal\nfrom bridge.plugin import FetchConfig, FetchedMessage, FetchPlugin, message_of\n"
        "class C(FetchConfig):\n    type: Literal['feed'] = 'feed'\n"
        "class F:\n    async def fetch(self):\n"
        "        return [FetchedMessage(str(n), message_of(b'{\"n\": %d}' % n, {})) for n in range(3)]\n"
        "    async def acknowledge(self, ids): pass\n    async def close(self): pass\n"
        "PLUGIN = FetchPlugin(1, C, lambda name, config, clock: F())\n"
    )
    install_package(site, "feed", {"sources:feed": "feed_one:PLUGIN"}, {"feed_one": text})
    feed = {"sources": "  feed: {type: feed, topic: projects/OPS/topics/uptime, poll: 100ms}\n"}
    with a_daemon(tmp_path, installed, site, ROCKETCHAT_HOOK=HOOK, **feed) as (process, url):
        for _ in range(100):
            newest = httpx.get(f"{url}/api/messages", headers=TOKEN).json()["messages"]
            if len(newest) >= 3 and httpx.get(f"{url}/readyz").status_code == 200:
                break
        assert sorted(json.loads(one["data"])["n"] for one in newest) == [0, 1, 2]
        assert "Traceback" not in process.log
