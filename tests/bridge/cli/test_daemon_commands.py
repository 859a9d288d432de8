"""Commands that ask the daemon, as people type them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from bridge.fakes.mattermost import FakeMattermost
from bridge.fakes.trouble import Answer
from broker.model import Commit
from broker.records import Topic
from tests.fakes.command_line import Said, ask, command
from tests.fakes.control import a_daemon, meanwhile
from tests.line.stage import TOKEN, Stage


async def test_what_is_published_is_pulled_and_acknowledged(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        first = await ask(stage, "publish", "P/T", "--data", "héllo", "-a", "vo=ops")
        assert (first.code, first.out) == (0, "✓ message 0 published to P/T\n")
        lines = await ask(stage, "publish", "projects/P/topics/T", "--lines", "-", stdin="one\n\ntwo\n")
        assert lines.out == "✓ 2 messages published to projects/P/topics/T\n"
        shown = await ask(stage, "pull", "P/S", "--max", "5", "--ack", "--json")
        assert [(one["id"], one["data"]) for one in shown.value] == [("0", "héllo"), ("1", "one"), ("2", "two")]
        assert shown.value[0]["attributes"] == {"vo": "ops"}
        assert (await ask(stage, "pull", "P/S")).out == "No message is waiting.\n"


async def test_resources_are_made_shown_and_deleted(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        for words in (["project", "create", "Q"], ["topic", "create", "Q/T"], ["schema", "list", "Q"]):
            assert (await ask(stage, *words)).code == 0
        made = await ask(stage, "subscription", "create", "Q/S", "--topic", "T", "--ack-deadline", "30")
        assert "subscription" in made.out
        shown = (await ask(stage, "subscription", "show", "Q/S", "--json")).value
        assert (shown["ackDeadlineSeconds"], shown["offsets"]["max"]) == (30, 0)
        assert "Q/topics/T" in (await ask(stage, "topic", "list", "Q")).out
        assert (await ask(stage, "topic", "delete", "Q/T", "--yes")).code == 0
        gone = await ask(stage, "topic", "show", "Q/T")
        assert (gone.code, gone.err) == (1, "error  Q/T: Topic doesn't exist (HTTP 404).\n")


async def test_a_push_subscription_is_made_listed_and_shown_with_how_it_fares(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        url = "https://receiver.example.org/in"
        made = await ask(stage, "subscription", "create", "P/pushed", "--topic", "T", "--push", url)
        assert "ams_verification_hash" in made.out
        assert "subscription verify P/pushed" in made.out
        hook = "http://127.0.0.1:9/hooks/x"
        words = ["subscription", "create", "P/chat", "--topic", "T", "--push", hook, "--mattermost"]
        assert (await ask(stage, *words)).code == 0
        await stage.publish({"note": "one"})
        for _ in range(100):
            await stage.clock.advance(0.1)
            if "failing since" in (listed := await ask(stage, "subscription", "list", "P")).words:
                break
        assert "http_endpoint, not verified" in listed.words
        assert "failing since" in listed.words
        shown = (await ask(stage, "subscription", "show", "P/chat", "--json")).value
        assert (shown["behind"], bool(shown["failing_since"]), bool(shown["why"])) == (1, True, True)
        verified = await ask(stage, "subscription", "verify", "P/pushed")
        assert (verified.code, "verification failed" in verified.err) == (1, True)
        assert (await ask(stage, "subscription", "create", "P/x", "--topic", "T", "--mattermost")).code == 2


async def test_a_user_gets_a_token_that_is_shown_on_request_only(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        made = await ask(stage, "user", "create", "ann", "--project", "P", "--role", "publisher", "--json")
        token = made.value["token"]
        assert token not in (await ask(stage, "user", "list")).out
        assert token not in (await ask(stage, "user", "show", "ann")).out
        assert token in (await ask(stage, "user", "show", "ann", "--show-token")).out
        assert (await ask(stage, "topic", "acl", "P/T", "--set", "ann")).out.split()[-1] == "ann"


async def test_deliveries_are_listed_shown_replayed_and_dropped(tmp_path: Path, mattermost: FakeMattermost) -> None:
    mattermost.script.always(lambda request: Answer(401, "who are you?"))
    async with a_daemon(tmp_path, mattermost.hook_url) as stage:
        await stage.publish({"host": "web1", "status": "CRITICAL"}, {"host": "db1", "status": "CRITICAL"})
        letters = await stage.settled(2)
        listed = await ask(stage, "deliveries", "list", "--state", "dead", "--since", "1h")
        assert "dead chat hosts 1 HTTP 401 Unauthorized: who are you? web1 is CRITICAL" in listed.words
        shown = await ask(stage, "deliveries", "show", letters[0].id)
        assert "web1 is CRITICAL" in shown.out
        assert "refused" in shown.words
        mattermost.script.clear()
        assert (await ask(stage, "deliveries", "replay", letters[0].id)).out == "✓ 1 delivery will be sent again\n"
        dropped = await ask(stage, "deliveries", "drop", "--destination", "chat", "--yes")
        assert dropped.out == "✓ 1 delivery dropped\n"
        found = await stage.settled(2, step_s=1)
        assert sorted(one.state for one in found) == ["delivered", "dropped"]
        nothing = await ask(stage, "deliveries", "replay")
        assert (nothing.code, "name deliveries by ID" in nothing.err) == (2, True)


async def test_the_ledger_balances_and_says_so(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await stage.publish({"note": "hi"}, "else")
        await stage.settled(1)
        said = await ask(stage, "ledger", "--since", "24h")
        assert said.code == 0
        assert "Topic Received Decided Unmatched Balance P/T 2 1 1 ✓ P/OTHER 0 0 0 ✓" in said.words
        assert "Topic Decided Delivered Waiting P/T 1 1 0" in said.words
        assert "P/T 2 1 delivered" in said.words
        assert said.out.endswith("✓ the books balance\n")
        assert (await ask(stage, "ledger", "--json")).value["balanced"] is True


async def test_books_that_do_not_balance_fail_the_command(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        (uid,) = (one.uid for one in stage.daemon.broker.cache.list_all(Topic) if one.name == "T")
        await stage.daemon.store.commit(Commit(counters={(uid, "decided"): 3}))
        said = await ask(stage, "ledger")
        assert said.code == 1
        assert "does not balance" in said.out
        assert said.err == "warning  the books do not balance\n"


async def test_silences_are_added_listed_and_expired(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        made = await ask(
            stage, "silence", "add", "rule=hosts", "$.host~web*", "$.n=5", "--for", "2h", "--why", "works", "--json"
        )
        assert made.value["silence"]["matchers"] == {"rule": "hosts", "$.host": {"like": "web*"}, "$.n": ["5", 5]}
        listed = await ask(stage, "silence", "list")
        assert "active rule=hosts $.host~web* $.n=5 2026-01-01 02:00:" in listed.words
        assert listed.words.endswith("Z service token works")
        ended = await ask(stage, "silence", "expire", made.value["silence"]["id"])
        assert ended.code == 0
        assert (await ask(stage, "silence", "list")).out == "Nothing is silenced.\n"
        assert "expired" in (await ask(stage, "silence", "list", "--all")).out
        wrong = await ask(stage, "silence", "add", "rule", "--for", "1h", "--why", "x")
        assert (wrong.code, "'rule' is not NAME=VALUE or NAME~GLOB" in wrong.err) == (2, True)


async def test_a_typed_word_silences_text_and_number_alike_and_says_what_it_covers(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await stage.publish({"host": "web1", "status": "CRITICAL", "port": "9100", "debug": True, "release": "1.10"})
        await stage.publish({"host": "web2", "status": "CRITICAL", "port": 9100, "debug": "true", "release": 1.1})
        await stage.until(lambda found: len(found) == 2)
        for matcher, covered in [
            ("$.port=9100", 2), ("$.debug=true", 2), ("$.release=1.10", 2), ("$.release=1.1", 1), ("$.port=91", 0),
        ]:  # fmt: skip
            said = await ask(stage, "silence", "add", matcher, "--for", "2h", "--why", "works", "--keep-waiting")
            counted = {0: "nothing now", 1: "1 open incident", 2: "2 open incidents"}[covered]
            assert f"  covers {counted}" in said.out, said.out
            assert matcher in (await ask(stage, "silence", "list")).words


async def test_a_test_post_is_sent_with_its_exact_outcome(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_daemon(tmp_path, mattermost.hook_url) as stage:
        said = await ask(stage, "send", "chat", "--text", "hello", "--set", "channel=town-square")
        assert said.code == 0
        assert '"channel": "town-square"' in said.out
        assert said.out.splitlines()[-1].startswith("delivered in ")
        mattermost.script.next(Answer(401, "who?"))
        refused = await ask(stage, "send", "chat", "--file", "-", stdin="hello")
        assert refused.code == 1
        assert "HTTP 401 Unauthorized: who?" in refused.out
        assert "a delivery would become a dead letter" in refused.out
        shown = await ask(stage, "send", "chat", "--text", "x", "--preview", "--json")
        assert shown.value["preview"]["body"]["text"] == "x"
    assert [post.text for post in mattermost.posts] == ["hello"]


async def test_a_preview_says_how_large_each_part_is_and_how_many_there_are(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    long = "\n\n".join("word " * 70 for _ in range(115))
    async with a_daemon(tmp_path, mattermost.hook_url) as stage:
        said = await ask(stage, "send", "chat", "--file", "-", "--field", "vo=ops", "--preview", stdin=long)
        assert said.code == 0
        assert "part 3 of 3" in said.out
        assert "of 16383 characters; request" in said.out
        assert f"the text has {len(long)} characters, one post takes 15500: 3 posts" in said.out
        sent = await ask(stage, "send", "chat", "--file", "-", stdin=long)
        assert "delivered, 3 of 3 parts arrived, in" in sent.out
        wrong = await ask(stage, "send", "chat", "--body", "{", "--preview")
        assert (wrong.code, "this is no JSON" in wrong.err) == (2, True)
    assert len(mattermost.posts) == 3


async def tailed(stage: Stage, *words: str) -> Said:
    """What ``tail`` says of two messages, the second of which no rule wants."""
    url = str(stage.http.base_url)
    tailing = asyncio.create_task(asyncio.to_thread(command, "tail", *words, "--url", url, "--token", TOKEN))
    while "tail:topics" not in {one.get_name() for one in asyncio.all_tasks()}:
        await stage.clock.advance(0)
    await stage.publish({"note": "hi"}, "else")
    await stage.settled(1)
    await stage.clock.advance(2)
    stage.daemon.stopping.set()
    return await meanwhile(stage, tailing)


async def test_tail_prints_each_message_with_what_was_decided(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        said = await tailed(stage, "P/T")
        lines = [line.partition("  ")[2] if not line.startswith(" ") else line for line in said.out.splitlines()]
        assert lines == [
            "projects/P/topics/T:0  matched",
            '  {"note": "hi"}',
            "  -> notes to board: sent",
            "projects/P/topics/T:1  unmatched",
            '  "else"',
        ]


async def test_tail_prints_one_line_of_json_per_message(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        said = await tailed(stage, "--json")
        seen = [json.loads(line) for line in said.out.splitlines()]
        assert [(one["offset"], one["fate"]) for one in seen] == [(0, "matched"), (1, "unmatched")]


async def test_tail_leaves_out_what_no_rule_wants_on_request(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        said = await tailed(stage, "--json", "--matched")
        assert [json.loads(line)["offset"] for line in said.out.splitlines()] == [0]


async def test_a_page_of_deliveries_says_how_to_go_on(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await stage.publish({"note": "one"}, {"note": "two"})
        await stage.settled(2)
        first = await ask(stage, "deliveries", "list", "--limit", "1")
        assert first.out.splitlines()[-1] == "There are more: --before 2"
        second = await ask(stage, "deliveries", "list", "--before", "2", "--json")
        assert [one["summary"] for one in second.value] == ["note one"]


async def test_a_stored_message_is_explained(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await stage.publish({"note": "hi"})
        await stage.settled(1)
        said = await ask(stage, "rules", "explain", "P/T:0")
        assert "What was decided notes to board: sent" in said.words
        assert "computed anew; nothing is sent" in said.out


async def test_a_wrong_token_says_how_to_give_a_right_one(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        url = str(stage.http.base_url)
        said = await asyncio.to_thread(command, "ledger", "--url", url, "--token", "wrong")
        assert said.code == 1
        assert "with --token or $AMS_BRIDGE_TOKEN" in said.err
        assert TOKEN not in said.err


def test_a_daemon_that_is_not_there_is_named() -> None:
    said = command("ledger", "--url", "http://127.0.0.1:9", "--token", "x")
    assert said.code == 1
    assert "the daemon at http://127.0.0.1:9 does not answer" in said.err
    assert "systemctl status ams-bridge" in said.err
