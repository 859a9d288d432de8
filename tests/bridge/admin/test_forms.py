"""What the pages change: only from a page of the viewer's own session, and they say what came of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.pages import RULES, a_daemon, an_incident, log_in, send_form

FORMS = ("/silences", "/silences/some", "/incidents", "/deliveries", "/deliveries/some", "/reload")


@pytest.mark.parametrize("path", FORMS)
async def test_a_form_from_elsewhere_changes_nothing(tmp_path: Path, path: str) -> None:
    async with a_daemon(tmp_path) as stage:
        assert (await stage.http.post(path, data={"form_token": ""})).status_code == 403
        await log_in(stage)
        for token in ("", "forged"):
            assert (await stage.http.post(path, data={"form_token": token})).status_code == 403


async def test_a_dead_letter_is_sent_again_and_the_page_says_so_once(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        dead = await an_incident(stage)
        page = await send_form(stage, f"/deliveries/{dead}", f"/deliveries/{dead}", action="replay")
        assert "1 delivery will be sent again." in page.text
        assert "ams_bridge_said" in page.headers["set-cookie"]
        assert "will be sent again" not in (await stage.http.get(f"/deliveries/{dead}")).text


async def test_ticked_dead_letters_are_dropped(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        dead = await an_incident(stage)
        page = await send_form(stage, "/deliveries", "/deliveries", action="drop", id=[dead], state="dead")
        assert "1 delivery dropped." in page.text
        assert "No dead letters" in page.text


async def test_all_that_fit_are_sent_again(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        await an_incident(stage)
        fields = {"state": "dead", "destination": "nobody", "since_s": "3600"}
        page = await send_form(stage, "/deliveries", "/deliveries", action="replay-all", **fields)
        assert "1 delivery will be sent again." in page.text


async def test_nothing_ticked_is_told(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        answer = await send_form(stage, "/deliveries", action="replay")
        assert (answer.status_code, "No delivery was ticked" in answer.text) == (400, True)


async def test_a_silence_is_added_listed_and_ended(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        said = {"name0": "rule", "value0": "all", "name1": "$.n", "operator1": "like", "value1": "4*"}
        page = await send_form(stage, "/silences", **said, **{"for": "2h", "why": "<i>works</i>", "who": "ann"})
        assert "The silence holds. It covers nothing now." in page.text
        assert "&lt;i&gt;works&lt;/i&gt;" in page.text
        (record,) = stage.daemon.in_force.silences.silences
        assert record.silence.matchers == {"rule": "all", "$.n": {"like": "4*"}}
        page = await send_form(stage, f"/silences/{record.silence.id}")
        assert "The silence has ended." in page.text
        assert "Nothing is silenced." in page.text


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"name0": "rule", "value0": "all", "for": "2 hours", "why": "w"}, "How long:"),
        ({"name0": "rule", "value0": "all", "for": "2h"}, "Say why"),
        ({"for": "2h", "why": "w"}, "at least one matcher"),
        ({"name0": "rule", "value0": "a", "name1": "rule", "value1": "b", "for": "2h", "why": "w"}, "stands twice"),
        ({"name0": "$.n[", "value0": "a", "for": "2h", "why": "w"}, "$.n["),
    ],
)
async def test_a_silence_that_cannot_be_is_refused_with_the_reason(
    tmp_path: Path, said: dict[str, str], text: str
) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        answer = await send_form(stage, "/silences", **said)
        assert answer.status_code == 400
        assert text in answer.text


async def test_an_incident_is_taken_in_the_viewers_name(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        await an_incident(stage)
        page = await send_form(stage, "/incidents", rule="hosts: down", key="web<1>")
        assert "service token has taken web&lt;1&gt;" in page.text
        gone = await send_form(stage, "/incidents", rule="hosts: down", key="web2")
        assert (gone.status_code, "there is no such incident" in gone.text) == (404, True)


async def test_a_reload_puts_new_rules_in_force_or_says_what_is_wrong_with_them(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        file = tmp_path / "rules.d" / "rules.yaml"
        file.write_text(RULES.replace("name: all", "name: every"))
        page = await send_form(stage, "/reload")
        assert "Settings and rules were read again" in page.text
        assert "<b>every</b>" in page.text
        file.write_text(RULES.replace("send: inbox", "send: inbux"))
        refused = await send_form(stage, "/reload")
        assert refused.status_code == 409
        assert "rules.yaml:4:" in refused.text
        assert "did you mean &#34;inbox&#34;?" in refused.text


@pytest.mark.parametrize("path", [*FORMS, "/login"])
async def test_a_form_with_files_is_not_read(tmp_path: Path, path: str) -> None:
    async with a_daemon(tmp_path) as stage:
        if path != "/login":
            assert (await stage.http.post(path, files={"f": b"x" * 100_000})).status_code == 403
            await log_in(stage)
        assert (await stage.http.post(path, files={"f": b"x" * 100_000})).status_code == 415


async def test_a_form_that_is_too_large_or_has_too_many_fields_is_refused(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        assert (await stage.http.post("/login", data={"token": "x" * 9_000})).status_code == 413
        await log_in(stage)
        assert (await stage.http.post("/silences", data={"comment": "x" * 70_000})).status_code == 413
        assert (await stage.http.post("/silences", data={f"f{n}": "" for n in range(1_001)})).status_code == 400


async def test_nothing_is_read_of_a_form_whose_sender_is_not_logged_in(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        answer = await stage.http.post("/silences", data={"comment": "x" * 5_000_000})
        assert (answer.status_code, answer.headers["connection"]) == (403, "close")


async def test_a_value_of_a_silence_fits_text_and_number_alike(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        said = {"name0": "$.labels.port", "value0": "9100", "name1": "key", "value1": "7"}
        page = await send_form(stage, "/silences", **said, **{"for": "2h", "why": "works"})
        assert "is <b>9100</b>" in page.text
        (record,) = stage.daemon.in_force.silences.silences
        assert record.silence.matchers == {"$.labels.port": ["9100", 9100], "key": "7"}
