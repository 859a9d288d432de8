"""People: added with a role, logged in by name and password, by token or by a proxy's word, and gone when removed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from broker.records import Person, SessionRecord
from tests.fakes.command_line import ask
from tests.fakes.control import meanwhile
from tests.fakes.pages import DESTINATIONS, RULES, a_daemon, log_in, send_form
from tests.fakes.people import PASSWORD, add_person, log_in_by_name
from tests.line.stage import TOKEN, Stage, a_stage

SERVICE = {"x-api-key": TOKEN}


async def entries(stage: Stage, **query: Any) -> list[dict[str, Any]]:
    answer = await stage.http.get("/api/audit", params=query, headers=SERVICE)
    found: list[dict[str, Any]] = answer.json()["entries"]
    return found


async def is_in(stage: Stage) -> bool:
    return (await stage.http.get("/account")).status_code == 200


async def test_a_person_logs_in_with_name_and_password_whatever_the_letters_case(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await add_person(stage, "Ann@Example.org", "viewer")
        for name in ("ann@example.org", "ANN@example.org"):
            assert (await log_in_by_name(stage, name)).status_code == 303
            assert "ann@example.org" in (await stage.http.get("/inbox")).text


@pytest.mark.parametrize(
    ("name", "password"),
    [("ann", "wrong password"), ("nobody", PASSWORD), ("ann", ""), ("bob", ""), ("ann", "x" * 5_000)],
)
async def test_a_wrong_password_opens_nothing_and_does_not_say_what_is_wrong(
    tmp_path: Path, name: str, password: str
) -> None:
    async with a_daemon(tmp_path) as stage:
        await add_person(stage, "ann", "admin")
        await stage.http.post("/api/people", json={"name": "bob", "role": "admin"}, headers=SERVICE)
        answer = await log_in_by_name(stage, name, password)
        assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
        assert "This name and password do not fit together." in answer.text
        (entry, *_) = await entries(stage, what="login")
        assert (entry["who"], entry["outcome"], entry["target"]) == ("", "refused", f"/login as {name}")


async def test_guesses_at_a_name_wait_wherever_they_come_from_and_who_was_right_before_does_not(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await add_person(stage, "ann", "admin")
        assert (await log_in_by_name(stage, "ann")).status_code == 303
        statuses = []
        for n in range(12):
            there = {"x-forwarded-for": f"192.0.2.{n}"}
            data = {"name": "ann", "token": f"a wrong guess {n}"}
            statuses.append((await stage.http.post("/login", data=data, headers=there)).status_code)
        assert statuses == [401] * 10 + [429] * 2
        assert (await log_in_by_name(stage, "ann")).status_code == 303


async def test_wrong_tokens_and_wrong_passwords_of_an_address_are_counted_together(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await add_person(stage, "ann", "admin")
        for n in range(5):
            assert (await log_in_by_name(stage, f"guess{n}", "some password")).status_code == 401
            assert (await stage.http.get("/api/status", headers={"x-api-key": f"guess{n}"})).status_code == 401
        answer = await log_in_by_name(stage, "ann")
        assert (answer.status_code, "retry-after" in answer.headers) == (429, True)


async def test_another_password_ends_the_sessions_of_the_old_one(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await add_person(stage, "ann", "viewer")
        await log_in_by_name(stage, "ann")
        changed = await send_form(stage, "/account", "/account", old=PASSWORD, new="quite another password")
        assert "Log in" in changed.text or changed.status_code == 303
        assert not await is_in(stage)
        assert (await log_in_by_name(stage, "ann")).status_code == 401
        assert (await log_in_by_name(stage, "ann", "quite another password")).status_code == 303


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [("not mine at all", "quite another password", 403), (PASSWORD, "short", 400), (PASSWORD, "", 400)],
)
async def test_an_own_password_is_changed_by_whoever_knows_it_to_one_that_is_long_enough(
    tmp_path: Path, old: str, new: str, code: int
) -> None:
    async with a_daemon(tmp_path) as stage:
        await add_person(stage, "ann", "viewer")
        await log_in_by_name(stage, "ann")
        assert (await send_form(stage, "/account", "/account", old=old, new=new)).status_code == code
        assert await is_in(stage)


@pytest.mark.parametrize("change", ["remove", "password"])
async def test_who_is_removed_or_loses_the_password_is_out_at_once(tmp_path: Path, change: str) -> None:
    async with a_daemon(tmp_path) as stage:
        token = await add_person(stage, "ann", "viewer")
        await log_in_by_name(stage, "ann")
        body = {"password": ""} if change == "password" else None
        (await stage.http.post(f"/api/people/ann:{change}", json=body, headers=SERVICE)).raise_for_status()
        assert not await is_in(stage)
        by_token = await stage.http.get("/api/status", headers={"x-api-key": token})
        assert by_token.status_code == (401 if change == "remove" else 200)


async def test_another_role_counts_from_the_next_request_on(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await add_person(stage, "ann", "admin")
        await log_in_by_name(stage, "ann")
        assert (await stage.http.get("/people")).status_code == 200
        (await stage.http.post("/api/people/ann:role", json={"role": "viewer"}, headers=SERVICE)).raise_for_status()
        assert (await stage.http.get("/people")).status_code == 403
        assert await is_in(stage)


async def test_a_session_is_listed_with_its_address_and_ended(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await add_person(stage, "ann", "viewer")
        await add_person(stage, "bob", "viewer")
        await log_in_by_name(stage, "bob")
        bob = stage.http.headers["cookie"]
        await log_in_by_name(stage, "ann")
        page = (await stage.http.get("/account")).text
        assert ("127.0.0.1" in page, "bob" in page) == (True, False)
        sessions = (await stage.http.get("/api/sessions", headers=SERVICE)).json()["sessions"]
        assert [(one["name"], one["how"]) for one in sessions] == [("ann", "password"), ("bob", "password")]
        of_bob = sessions[1]["id"]
        assert (await send_form(stage, f"/sessions/{of_bob}", "/account")).status_code == 404  # none of ann's
        (await stage.http.post(f"/api/sessions/{of_bob}:end", headers=SERVICE)).raise_for_status()
        assert (await stage.http.get("/account", headers={"cookie": bob})).status_code == 303
        assert await is_in(stage)


async def test_what_is_done_to_people_is_on_the_trail_and_no_secret_with_it(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        token = await add_person(stage, "ann", "viewer")
        await stage.http.post("/api/people/ann:role", json={"role": "admin"}, headers=SERVICE)
        await stage.http.post("/api/people/ann:password", json={"password": "quite another"}, headers=SERVICE)
        renewed = (await stage.http.post("/api/people/ann:token", headers=SERVICE)).json()["token"]
        await stage.http.post("/api/people/ann:remove", headers=SERVICE)
        facts = {"role": "viewer", "password": True, "token": True}
        said = [
            (one["what"], one["target"], one["before"], one["after"]) for one in await entries(stage, what="person")
        ]
        assert said[::-1] == [
            ("person.add", "ann", {}, facts),
            ("person.role", "ann", {"role": "viewer"}, {"role": "admin"}),
            ("person.password", "ann", {"password": "set"}, {"password": "another"}),
            ("person.token", "ann", {"token": "set"}, {"token": "another"}),
            ("person.remove", "ann", facts | {"role": "admin"}, {}),
        ]
        text = (await stage.http.get("/api/audit", headers=SERVICE)).text
        assert not any(secret in text for secret in (token, renewed, PASSWORD, "quite another", "argon2"))


async def test_the_store_holds_neither_password_nor_token(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        token = await add_person(stage, "ann", "viewer")
        (person,) = stage.daemon.broker.cache.list_all(Person)
        assert person.password_hash.startswith("$argon2id$")
        assert not any(secret in str(person) for secret in (token, PASSWORD))


async def test_a_token_is_shown_once_on_a_page_and_goes_into_no_cookie(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        answer = await send_form(stage, "/people", "/people", name="ann", role="responder", with_token="1")
        found = re.search(r'id="secret" tabindex="0">([0-9a-f]{64})<', answer.text)
        assert found is not None
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        assert found[1] not in str(answer.headers)
        assert found[1] not in (await stage.http.get("/people")).text
        assert (await stage.http.get("/api/status", headers={"x-api-key": found[1]})).status_code == 200


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"name": "an n", "role": "viewer"}, "a name has letters"),
        ({"name": "", "role": "viewer"}, "a name has letters"),
        ({"name": "ann", "role": "king"}, "a role is one of"),
        ({"name": "ann", "role": "viewer", "password": "short"}, "10 characters at least"),
        ({"name": "Old", "role": "viewer"}, "there is a person"),
    ],
)
async def test_a_person_who_cannot_be_is_refused_with_the_reason(
    tmp_path: Path, fields: dict[str, str], text: str
) -> None:
    async with a_daemon(tmp_path) as stage:
        await add_person(stage, "old", "viewer")
        await log_in(stage)
        answer = await send_form(stage, "/people", "/people", **fields)
        assert (answer.status_code, text in answer.text) == (400, True)


async def test_a_proxy_says_who_is_there_from_listed_addresses_alone(tmp_path: Path) -> None:
    for listed, code in (("127.0.0.0/8", 200), ("192.0.2.1", 303)):
        folder = tmp_path / listed.replace("/", "_")
        folder.mkdir()
        async with a_proxied_daemon(folder, listed) as stage:
            await stage.http.post("/api/people", json={"name": "ann", "role": "viewer"}, headers=SERVICE)
            there = {"x-forwarded-user": "Ann", "x-forwarded-for": "127.0.0.1"}
            page = await stage.http.get("/rules", headers=there, follow_redirects=True)
            assert (page.status_code, "Log in" in page.text) == (200, code == 303)


async def test_a_session_of_a_proxy_ends_when_the_proxy_names_another_or_nobody(tmp_path: Path) -> None:
    async with a_proxied_daemon(tmp_path, "127.0.0.1") as stage:
        for name in ("ann", "bob"):
            await stage.http.post("/api/people", json={"name": name, "role": "viewer"}, headers=SERVICE)
        first = await stage.http.get("/account", headers={"x-forwarded-user": "ann"})
        cookie = {"cookie": first.headers["set-cookie"].partition(";")[0]}
        stage.http.cookies.clear()
        answers = {
            name: await stage.http.get("/account", headers=cookie | ({"x-forwarded-user": name} if name else {}))
            for name in ("ann", "bob", "", "stranger")
        }
        assert {name: answer.status_code for name, answer in answers.items()} == {
            "ann": 200, "bob": 303, "": 303, "stranger": 303,
        }  # fmt: skip
        assert answers["bob"].headers["location"] == "/account"  # logged in as bob now
        assert answers["stranger"].headers["location"].startswith("/login")
        twice = [("x-forwarded-user", "ann"), ("x-forwarded-user", "bob"), ("cookie", cookie["cookie"])]
        assert (await stage.http.get("/account", headers=twice)).status_code == 303


def a_proxied_daemon(folder: Path, listed: str) -> Any:
    """A daemon that believes a header of whoever connects from the listed addresses."""
    return a_stage(
        folder,
        RULES,
        DESTINATIONS,
        store="memory",
        auth_more=f', proxy: {{header: X-Forwarded-User, from: ["{listed}"]}}',
    )


async def test_people_are_added_listed_changed_and_removed_at_the_command_line(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        said = await ask(stage, "people", "add", "ann", "--role", "responder", "--password", stdin=f"{PASSWORD}\n")
        assert (said.code, said.out) == (0, "✓ ann was added as responder\n")
        assert (await log_in_by_name(stage, "ann")).status_code == 303
        assert "ann responder set none" in (await ask(stage, "people", "list")).words
        said = await ask(stage, "people", "sessions", "--json")
        (session,) = said.value
        assert session["name"] == "ann"
        assert (await ask(stage, "people", "sessions", "--end", session["id"])).code == 0
        assert not await is_in(stage)
        assert (await ask(stage, "people", "role", "ann", "viewer")).code == 0
        said = await ask(stage, "people", "password", "ann", stdin="quite another password\n")
        assert said.code == 0
        assert (await log_in_by_name(stage, "ann", "quite another password")).status_code == 303
        assert "new token of ann: " in (await ask(stage, "people", "token", "ann")).out
        assert (await ask(stage, "people", "remove", "ann")).code == 0
        assert (await ask(stage, "people", "list")).out.startswith("Nobody yet")
        assert (await ask(stage, "people", "remove", "ann")).code == 1


async def test_a_session_of_before_people_goes_on(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        (session,) = stage.daemon.broker.cache.list_all(SessionRecord)
        assert (session.how, session.person_uid) == ("token", "")
        assert await meanwhile(stage, stage.http.get("/rules")) is not None
