"""Moving house from the original AMS: a stand-in answers as its recordings do; what is taken of it, what is named."""

from __future__ import annotations

import base64
import itertools
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.fakes.exchange import Request
from bridge.fakes.listening import running
from bridge.fakes.trouble import Answer
from tests.fakes.ams_recordings import recorded, sequences
from tests.fakes.command_line import Said, ask
from tests.fakes.control import a_daemon
from tests.fakes.original_ams import TOKEN, OriginalAms, OriginalProject, OriginalSubscription, OriginalTopic
from tests.line.stage import Stage

AVRO = {"type": "record", "name": "User", "namespace": "u.avro", "fields": [{"name": "username", "type": "string"}]}
INTERNAL = {"error": {"code": 500, "message": "Internal Error", "status": "INTERNAL_SERVER_ERROR"}}
PUSH = {
    "type": "http_endpoint",
    "pushEndpoint": "https://receiver.example.org/in",
    "maxMessages": 3,
    "authorizationHeader": {"type": "autogen", "value": "the-header-they-made"},
    "retryPolicy": {"type": "slowstart"},
    "verificationHash": "the-hash",
    "verified": True,
}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.fixture
def original() -> Iterator[OriginalAms]:
    """An AMS with two projects, of which one is empty, and everything odd that the other may hold."""
    with running(OriginalAms()) as ams:
        messages = [
            (number, encoded(f"m{number}"), {"n": str(number)} if number % 2 else {}) for number in range(40, 160)
        ]
        ams.projects["EMPTY"] = OriginalProject()
        ams.projects["OLD"] = OriginalProject(
            "what we had",
            {
                "status": OriginalTopic(messages, acl=["box", "gone-user"]),
                "quiet": OriginalTopic(),
                "odd": OriginalTopic([(0, "not base64!", {}), (1, "", {"only": "this"})]),
                "records": OriginalTopic(schema="user"),
            },
            {
                "reader": OriginalSubscription("status", 100, acl=["reader"], deadline_s=0),
                "behind": OriginalSubscription("status", 5),
                "pushed": OriginalSubscription("status", 160, push=PUSH),
                "orphan": OriginalSubscription("deleted", 3),
                "odd": OriginalSubscription("odd"),
            },
            {"user": ("avro", AVRO), "any": ("json", {})},
        )
        ams.add_user("box", OLD=["publisher"])
        ams.add_user("reader", OLD=["consumer", "inspector"])
        ams.add_user("boss", service_roles=("service_admin", "astronaut"))
        ams.add_user("nobody")
        yield ams


async def take_over(stage: Stage, ams: OriginalAms, *more: str, token: str = TOKEN) -> Said:
    return await ask(stage, "import", "ams", ams.base_url, "--from-token", token, *more)


async def asked(stage: Stage, path: str, body: Any = None) -> Any:
    answer = await (stage.http.get(path) if body is None else stage.http.post(path, json=body))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_all_that_the_original_holds_is_here_afterwards_and_what_is_not_is_named(
    tmp_path: Path, original: OriginalAms
) -> None:
    async with a_daemon(tmp_path) as stage:
        said = await take_over(stage, original, "--json")
        assert said.code == 0, said.err
        assert sorted(said.value["not_taken"]) == [
            "gone-user on the access list of /projects/OLD/topics/status: is not taken",
            "pushes of OLD/pushed: `subscription verify` begins them, once the other side has stopped",
            "role astronaut of user boss: there is no such role here",
            "role inspector of user reader: there is no such role here",
            "subscription OLD/orphan: its topic is gone",
            "user nobody: has no role in these projects",
        ]
        assert (await asked(stage, "/v1/projects/OLD"))["description"] == "what we had"
        assert (await asked(stage, "/v1/projects/EMPTY"))["name"] == "EMPTY"
        assert (await asked(stage, "/v1/projects/OLD/topics/records"))["schema"] == "projects/OLD/schemas/user"
        assert (await asked(stage, "/v1/projects/OLD/schemas/user"))["schema"] == AVRO
        assert await asked(stage, "/v1/projects/OLD/topics/status:acl") == {"authorized_users": ["box"]}
        push = (await asked(stage, "/v1/projects/OLD/subscriptions/pushed"))["pushConfig"]
        slowstart = {"type": "slowstart", "period": 0}  # ours says the period wherever there is an endpoint
        assert {key: push[key] for key in PUSH} == PUSH | {"verified": False, "retryPolicy": slowstart}
        offsets = {
            name: await asked(stage, f"/v1/projects/OLD/subscriptions/{name}:offsets")
            for name in ("reader", "behind", "pushed", "odd")
        }
        assert [offsets[name]["current"] for name in offsets] == [100, 40, 160, 0]
        pulled = await asked(stage, "/v1/projects/OLD/subscriptions/reader:pull", {"maxMessages": "100"})
        assert [one["message"]["messageId"] for one in pulled["receivedMessages"]] == [str(n) for n in range(100, 160)]
        assert pulled["receivedMessages"][1]["message"]["attributes"] == {"n": "101"}
        odd = await asked(stage, "/v1/projects/OLD/subscriptions/odd:pull", {"maxMessages": "10"})
        assert [one["message"].get("data") for one in odd["receivedMessages"]] == ["not base64!", ""]
        left = original.projects["OLD"].subscriptions
        assert sorted(left) == ["behind", "odd", "orphan", "pushed", "reader"], "nothing of ours stays over there"


async def test_the_clients_go_on_with_the_tokens_they_have(tmp_path: Path, original: OriginalAms) -> None:
    async with a_daemon(tmp_path) as stage:
        assert (await take_over(stage, original)).code == 0
        answer = await stage.http.get("/v1/users/profile", headers={"x-api-key": "token-of-reader"})
        assert answer.json()["name"] == "reader"


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (500, json.dumps(INTERNAL).encode(), "Internal Error"),
        (502, b"<html><h1>502 Bad Gateway</h1></html>", "HTTP 502"),
        (200, b"<html>login</html>", "is no JSON"),
        (200, b"[]", "is no JSON object"),
        (200, b'{"projects":[{"description":"without a name"}]}', "in a way that none does"),
    ],
)
async def test_an_answer_that_cannot_be_used_is_told_with_its_place_and_nothing_is_made(
    tmp_path: Path, original: OriginalAms, status: int, body: bytes, told: str
) -> None:
    original.script.next(Answer(status, body))
    async with a_daemon(tmp_path) as stage:
        said = await take_over(stage, original)
        assert (said.code, told in said.err, original.base_url in said.err) == (1, True, True), said.err
        assert stage.daemon.broker.cache.project("OLD") is None


async def test_trouble_in_the_middle_is_told_others_are_carried_and_the_next_try_goes_on_behind(
    tmp_path: Path, original: OriginalAms
) -> None:
    async with a_daemon(tmp_path) as stage:
        pulls = itertools.count(1)

        def at_the_second_pull(request: Request) -> Answer | None:
            trouble = request.path.endswith("import-status:pull") and next(pulls) == 2
            return Answer(500, json.dumps(INTERNAL)) if trouble else None

        original.script.always(at_the_second_pull)
        told = await take_over(stage, original)
        assert told.code == 1
        assert "not taken: messages of OLD/status: " in told.out + told.err
        assert "Internal Error (HTTP 500)" in told.out + told.err
        assert "the messages of OLD/status are not all here; run it again" in told.err
        assert "ams-bridge-import-status" not in original.projects["OLD"].subscriptions
        odd = await asked(stage, "/v1/projects/OLD/subscriptions/odd:offsets")
        assert odd["max"] == 2, "the topic behind it was carried"
        again = await take_over(stage, original, "--json")
        assert again.code == 0, again.err
        assert "topic OLD/status: 70 messages up to number 159" in again.value["done"]
        assert (await asked(stage, "/v1/projects/OLD/subscriptions/reader:offsets"))["current"] == 100
        pulled = await asked(stage, "/v1/projects/OLD/subscriptions/behind:pull", {"maxMessages": "200"})
        assert [one["message"]["messageId"] for one in pulled["receivedMessages"]] == [str(n) for n in range(40, 160)]


@pytest.mark.parametrize("status", [404, 500])
async def test_a_thing_that_alone_is_refused_is_named_and_the_others_are_taken(
    tmp_path: Path, original: OriginalAms, status: int
) -> None:
    refused = ("/topics/quiet:acl", "/subscriptions/odd:offsets")

    def gone_meanwhile(request: Request) -> Answer | None:
        return Answer(status, json.dumps(INTERNAL)) if request.path.endswith(refused) else None

    original.script.always(gone_meanwhile)
    async with a_daemon(tmp_path) as stage:
        told = await take_over(stage, original, "--json")
        assert told.code == 0, told.err
        named = [one for one in told.value["not_taken"] if f"(HTTP {status})" in one]
        assert [one.partition(":")[0] for one in named] == ["topic OLD/quiet", "subscription OLD/odd"]
        assert (await asked(stage, "/v1/projects/OLD/subscriptions/reader:offsets"))["current"] == 100


async def test_messages_that_the_original_does_not_give_are_named(tmp_path: Path, original: OriginalAms) -> None:
    original.projects["OLD"].topics["status"].withheld = 130
    async with a_daemon(tmp_path) as stage:
        said = await take_over(stage, original, "--json")
        assert said.code == 0, said.err
        assert "messages 130 to 159 of OLD/status: the other side does not give them" in said.value["not_taken"]
        assert "topic OLD/status: 90 messages up to number 129" in said.value["done"]


async def test_a_token_that_it_does_not_know_is_told(tmp_path: Path, original: OriginalAms) -> None:
    async with a_daemon(tmp_path) as stage:
        said = await take_over(stage, original, "--project", "OLD", token="another")
        assert (said.code, "Unauthorized (HTTP 401)" in said.err) == (1, True)


# --- the stand-in is what was recorded ---------------------------------------------------------------------


def route_of(method: str, path: str) -> tuple[str, str]:
    """A request without its names."""
    path = re.sub(r"\{\{[^{}]*\}\}", "x", path).partition("?")[0].removeprefix("/v1")
    return method, re.sub(r"(?<=/)(projects|topics|subscriptions|schemas|users)/[^/:]+", r"\1/*", path)


def keys_of(value: Any, place: str = "") -> Iterator[tuple[str, frozenset[str]]]:
    """The keys of every object, by its place; what people may put in freely has none."""
    if isinstance(value, dict) and not place.endswith(("/attributes", "/schema")):
        yield place, frozenset(value)
        for key, below in value.items():
            yield from keys_of(below, f"{place}/{key}")
    elif isinstance(value, list):
        for below in value:
            yield from keys_of(below, f"{place}[]")


def requests_of_an_import() -> Iterator[tuple[str, str, Any, str]]:
    """What an import asks, and what goes wrong on the way; with the token."""
    old = "/v1/projects/OLD"
    mine = f"{old}/subscriptions/mine"
    for path in ("/v1/projects", "/v1/users?details=true", old, f"{old}/members?details=true", f"{old}/topics"):
        yield "GET", path, None, TOKEN
        yield "GET", path, None, "another"
    for path in (f"{old}/schemas", f"{old}/subscriptions", "/v1/projects/none/topics"):
        yield "GET", path, None, TOKEN
    for path in (f"{old}/topics/status:acl", f"{old}/subscriptions/pushed:acl", f"{old}/subscriptions/none:acl"):
        yield "GET", path, None, TOKEN
    for path in (f"{old}/subscriptions/orphan:offsets", f"{old}/subscriptions/none:offsets"):
        yield "GET", path, None, TOKEN
    yield "PUT", mine, {"topic": "projects/OLD/topics/none"}, TOKEN
    yield "PUT", mine, {"topic": "projects/OLD/topics/status", "ackDeadlineSeconds": 600}, TOKEN
    yield "PUT", mine, {"topic": "projects/OLD/topics/status", "ackDeadlineSeconds": 600}, TOKEN
    yield "POST", f"{mine}:modifyOffset", {"offset": 39}, TOKEN
    yield "POST", f"{mine}:modifyOffset", {"offset": 40}, TOKEN
    yield "POST", f"{mine}:acknowledge", {"ackIds": ["projects/OLD/subscriptions/mine:40"]}, TOKEN
    yield "POST", f"{mine}:pull", {"maxMessages": "3", "returnImmediately": "true"}, TOKEN
    yield "POST", f"{mine}:acknowledge", {"ackIds": ["projects/OLD/subscriptions/other:x"]}, TOKEN
    yield "POST", f"{mine}:acknowledge", {"ackIds": ["projects/OLD/subscriptions/mine:99"]}, TOKEN
    yield "POST", f"{mine}:acknowledge", {"ackIds": ["projects/OLD/subscriptions/mine:42"]}, TOKEN
    yield "DELETE", mine, None, TOKEN
    yield "DELETE", mine, None, TOKEN


def ask_original(ams: OriginalAms, method: str, path: str, body: Any, token: str) -> tuple[int, Any]:
    """Status and JSON of an answer; None for an empty body."""
    answer = httpx.request(method, f"{ams.base_url}{path}", headers={"x-api-key": token}, json=body)
    return answer.status_code, answer.json() if answer.content else None


IN_LISTS = {("PUT", "/projects/*/subscriptions/*"): "/subscriptions[]"}
"""Answers about one thing, recorded with more of its kinds than the lists that show the same."""
NOT_RECORDED = {"/topics[]": frozenset({"schema"})}
"""No topic with a schema was recorded; its form is that of section 5 of the specification of the API."""


def test_the_stand_in_answers_with_the_keys_and_words_that_the_original_answered_with(original: OriginalAms) -> None:
    keys: dict[tuple[str, str], dict[str, list[frozenset[str]]]] = defaultdict(lambda: defaultdict(list))
    errors: dict[tuple[str, str], set[str]] = defaultdict(set)
    empty: set[tuple[str, str]] = set()
    for request in (one for name in sequences() for one in recorded(name)):
        route = route_of(request["method"], request["path"])
        if request["status"] != 200:
            errors[route].add(json.dumps(request["answer"], sort_keys=True))
        elif request["answer"] in ("", None):
            empty.add(route)
        else:
            for place, found in keys_of(request["answer"]):
                keys[route][place].append(found)
                if route in IN_LISTS:
                    keys["GET", route[1].removesuffix("/*")][f"{IN_LISTS[route]}{place}"].append(found)
    asked = 0
    for method, path, body, token in requests_of_an_import():
        asked += 1
        route = route_of(method, path)
        status, answer = ask_original(original, method, path, body, token)
        if status != 200:
            assert json.dumps(answer, sort_keys=True) in errors[route], (method, path, answer)
        elif answer is None:
            assert route in empty, (method, path)
        else:
            for place, found in keys_of(answer):
                seen = keys[route][place]
                assert seen, (method, path, place)
                known = frozenset.union(*seen, NOT_RECORDED.get(place, frozenset()))
                assert frozenset.intersection(*seen) <= found <= known, (method, path, place)
    assert asked > 20
