"""Nothing that others wrote reaches the terminal raw: every command shows what it would obey as escapes."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from pathlib import Path

import pytest
from rich.markdown import Markdown
from rich.text import Text

from bridge.cli.output import Failed, Output, console
from bridge.cli.visible import VisibleText, make_visible, make_visible_line
from bridge.fakes.mattermost import FakeMattermost
from bridge.fakes.trouble import Answer
from tests.fakes.command_line import Said, ask, command, write
from tests.fakes.control import a_daemon, decided
from tests.house.reading import ROOT

ODD = "\x1b[2J\x1b]0;gone\x07\x08\x00\x7f\x9b31m\x85\u202e\u2066\u200f\u061c\u2028\ufeff"
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\ufeff]")


def is_clean(said: Said) -> bool:
    return RAW.search(said.out + said.err) is None


def test_what_a_terminal_would_obey_is_shown_as_an_escape() -> None:
    assert make_visible("a\x1b[31mb\x85c\u202ed\x00") == r"a\x1b[31mb\x85c\u202ed\x00"
    assert make_visible("one\r\ntwo\tthree\rfour") == "one\ntwo\tthree\\rfour"
    assert make_visible_line("one\r\ntwo\tthree") == r"one\r\ntwo\tthree"
    assert make_visible("héllo ☃ 👩\u200d🚒 שלום") == "héllo ☃ 👩\u200d🚒 שלום"


def test_what_is_shown_is_as_wide_as_it_was_measured() -> None:
    assert VisibleText("\x1b").cell_len == len(r"\x1b")
    assert VisibleText("a").append("\x9b").plain == r"a\x9b"


@pytest.mark.parametrize("how", ["say", "warn", "confirm", "empty", "markup", "text", "markdown", "failed"])
def test_no_way_of_printing_passes_it_on(how: str, capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(console=console(), errors=console(stderr=True))
    match how:
        case "say" | "warn" | "confirm":
            getattr(output, how)(f"a{ODD}b [bold]")
        case "empty":
            output.print_rows([], [], empty=f"a{ODD}b")
        case "markup":
            output.console.print(f"[bold]a{ODD}b")
        case "text":
            output.console.print(Text(f"a{ODD}b"))
        case "markdown":
            output.console.print(Markdown(f"**a{ODD}b** `x{ODD}`"))
        case _:
            Failed(f"a{ODD}b").show()
    said = capsys.readouterr()
    assert RAW.search(said.out + said.err) is None
    assert r"\x1b[2J" in said.out + said.err
    assert r"\u202e" in said.out + said.err


def test_words_between_colons_stay_as_they_were_sent(capsys: pytest.CaptureFixture[str]) -> None:
    Output(console=console()).say("job:up:count :100: [red]x[/red]")
    assert capsys.readouterr().out == "job:up:count :100: [red]x[/red]\n"


async def test_texts_of_events_are_clean_in_every_command_and_exact_for_programs(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    mattermost.script.always(lambda request: Answer(401, f"who {ODD}?"))
    async with a_daemon(tmp_path, mattermost.hook_url) as stage:
        (first,) = await decided(stage, {"host": f"web{ODD}", "status": f"CRITICAL{ODD}"}, deliveries=1)
        await stage.settled(1)
        add = ["silence", "add", f"$.host=x{ODD[8:]}".replace("\x00", ""), "--for", "2h", "--why", "w\x1b\u202e"]
        for words in (
            ["deliveries", "list"],
            ["deliveries", "show", first],
            ["rules", "explain", "P/T:0"],
            ["pull", "P/S"],
            ["replay", "P/T:0"],
            add,
            ["silence", "list"],
            ["send", "chat", "--text", "t\x1b\u202e", "--title", "t\x9b", "--preview"],
            ["send", "chat", "--text", "t\x1b\u202e"],
            ["user", "create", "ann", "--email", "a\x1b\u202e@example.org"],
            ["user", "show", "ann"],
            ["user", "list"],
            ["topic", "show", "P/T\x9b"],
        ):
            assert is_clean(await ask(stage, *words)), words
        listed = await ask(stage, "deliveries", "list")
        assert r"web" in listed.out
        shown = await ask(stage, "pull", "P/S", "--json")
        assert json.loads(shown.value[0]["data"])["host"] == f"web{ODD}"


async def test_tail_takes_a_message_with_any_line_end_within_it(tmp_path: Path) -> None:
    odd = "one\u2028two\u2029three\x85four\x0bfive\x0csix\x1c"
    async with a_daemon(tmp_path) as stage:
        tailing = asyncio.create_task(ask(stage, "tail", "P/T", "--json"))
        while "tail:topics" not in {one.get_name() for one in asyncio.all_tasks()}:
            await stage.clock.advance(0)
        data = base64.b64encode(json.dumps({"note": odd}, ensure_ascii=False).encode()).decode()
        body = {"messages": [{"data": data, "attributes": {"a": odd}}]}
        (await stage.http.post("/v1/projects/P/topics/T:publish", json=body)).raise_for_status()
        await stage.settled(1)
        stage.daemon.stopping.set()
        said = await tailing
        lines = [json.loads(line) for line in said.out.split("\n") if line]
        assert (said.code, said.err) == (0, "")
        assert [(line["attributes"], json.loads(line["data"])) for line in lines] == [({"a": odd}, {"note": odd})]


def test_check_shows_what_stands_in_a_file_as_escapes(tmp_path: Path) -> None:
    config = write(tmp_path, {"bridge.yaml": 'store: "memory"\nb\u202eogus: "x"\n"z\\e": 1\n'})
    said = command("check", "-c", str(config))
    assert said.code == 78
    assert is_clean(said)
    assert r"\u202e" in said.err + said.out


def test_only_the_one_place_makes_texts_for_the_terminal() -> None:
    makers = re.compile(r"^from rich\.(?:text|console) import .*\b(?:Text|Console)\b|click\.echo\(", re.MULTILINE)
    found = {path.name for path in (ROOT / "bridge" / "cli").glob("*.py") if makers.search(path.read_text())}
    assert found == {"visible.py", "output.py"}
