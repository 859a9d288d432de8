"""Certificate bindings over the API."""

from __future__ import annotations

from pathlib import Path

from tests.line.stage import a_stage

RULES, INBOX = "rules: []\n", "  inbox: {type: inbox}"
SUBJECT = "/C=GR/O=Example/CN=ce.example.org"


async def test_a_binding_is_made_shown_replaced_and_forgotten(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, INBOX, store="memory") as stage:
        for name in ("ann", "bob"):
            assert (await stage.http.post(f"/v1/users/{name}", json={})).status_code == 200
            made = await stage.http.post("/api/certificates", json={"subject": SUBJECT, "user": name})
            assert made.json()["certificate"]["user"] == name
        shown = (await stage.http.get("/api/certificates")).json()["certificates"]
        assert [(one["subject"], one["user"]) for one in shown] == [(SUBJECT, "bob")]
        assert (await stage.http.post("/api/certificates:unbind", json={"subject": SUBJECT})).status_code == 200
        assert (await stage.http.get("/api/certificates")).json() == {"certificates": []}
        assert (await stage.http.post("/api/certificates:unbind", json={"subject": SUBJECT})).status_code == 404


async def test_a_binding_needs_a_user_and_a_subject(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, INBOX, store="memory") as stage:
        nobody = await stage.http.post("/api/certificates", json={"subject": SUBJECT, "user": "nobody"})
        assert nobody.status_code == 404
        nothing = await stage.http.post("/api/certificates", json={"subject": "ce.example.org", "user": "ann"})
        assert nothing.status_code == 400
        stage.http.headers.pop("x-api-key")
        assert (await stage.http.get("/api/certificates")).status_code == 401
