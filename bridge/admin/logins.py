"""Begins sessions of the pages: for a token, for a name with its password, or for whom a trusted proxy names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from starlette.requests import Request

from bridge.admin.session import SessionProof, Sessions
from bridge.control.control_source import ControlSource
from bridge.control.http_answers import Refusal, pass_gate, requester
from bridge.core.guesses import whence_of
from bridge.core.passwords import PasswordsWait
from bridge.operate.operator_context import Requester
from bridge.operate.people_upkeep import prove_person
from bridge.operate.sessions import password_proof
from broker.records import Person
from broker.tokens import digest_of_token


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginSource:
    """What logins stand on.

    ``admit`` says whom a token lets see pages, ``find_named`` whom a trusted proxy names.
    """

    control: ControlSource
    sessions: Sessions
    admit: Callable[[str], Requester | None]
    find_named: Callable[[Request], Person | None]


class Logins:
    """Gives the cookie of a new session to whoever proves who it is, and puts each login on the audit trail."""

    def __init__(self, source: LoginSource) -> None:
        self._source = source

    async def begin_with_token(self, request: Request, token: str) -> str:
        """The cookie for the holder of a token. Raises Refusal, StoreUnavailable."""
        control = self._source.control
        context = control.context
        if token:
            await pass_gate(control, request, token, "login")
        holder = self._source.admit(token)
        if holder is None:
            if context.broker.users.find_by_token(token) is not None:  # a wrong one was noted at the gate
                await context.note(requester(request, Requester("")), "login", "/login", done=False)
            raise Refusal(401, "This token may not see the pages.")
        digest = digest_of_token(token.encode())
        return await self._begin(request, holder, SessionProof(holder.who, digest, person_uid=holder.person_uid))

    async def begin_with_password(self, request: Request, name: str, password: str) -> str:
        """The cookie for a person, named, whose password it is. Raises Refusal, StoreUnavailable."""
        try:
            person = await prove_person(self._source.control.context, name, password, whence_of(request.scope))
        except PasswordsWait as error:
            raise Refusal(429, str(error), wait_s=error.wait_s) from error
        if person is None:
            raise Refusal(401, "This name and password do not fit together.")
        holder = Requester(person.name, role=person.role, person_uid=person.uid)
        proof = SessionProof(person.name, password_proof(person), "password", person.uid)
        return await self._begin(request, holder, proof)

    async def begin_for_proxy(self, request: Request) -> str | None:
        """The cookie for whom a trusted proxy names, None when it names nobody known. Raises StoreUnavailable."""
        person = self._source.find_named(request)
        if person is None:
            return None
        holder = Requester(person.name, role=person.role, person_uid=person.uid)
        proof = SessionProof(person.name, digest_of_token(f"proxy {person.uid}".encode()), "proxy", person.uid)
        return await self._begin(request, holder, proof)

    async def _begin(self, request: Request, holder: Requester, proof: SessionProof) -> str:
        by = requester(request, holder)
        cookie = await self._source.sessions.begin(replace(proof, address=by.address))
        await self._source.control.context.note(by, "login", after={"how": proof.how, "role": by.role})
        return cookie
