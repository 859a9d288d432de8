"""The page of whoever looks: name, role, the own password, and the sessions that are open."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import FormData

from bridge.admin.handlers import FormResult, field
from bridge.control.http_answers import OperatorRequest, Refusal
from bridge.core.guesses import whence_of
from bridge.core.passwords import PasswordsWait
from bridge.operate.operator_errors import InvalidInput
from bridge.operate.people_upkeep import change_password, prove_person
from bridge.operate.sessions import end_session, list_sessions
from broker.records import Person


async def view_account(asked: OperatorRequest) -> dict[str, Any]:
    """GET /account: who one is here."""
    own = [session for session in list_sessions(asked.context, asked.by).sessions if session.name == asked.by.who]
    person = _own_person(asked)
    return {"has_password": person is not None and bool(person.password_hash), "sessions": own}


async def change_own(asked: OperatorRequest, form: FormData) -> FormResult:
    """The form ``/account``: another password of one's own, for whoever knows the one of now."""
    person = _own_person(asked)
    if person is None or not person.password_hash:
        raise Refusal(400, "You have no password here: an admin gives you one.")
    whence = whence_of(asked.request.scope)
    try:
        proven = await prove_person(asked.context, person.name, str(form.get("old", "")), whence)
    except PasswordsWait as error:
        raise Refusal(429, str(error), wait_s=error.wait_s) from error
    if proven is None:
        raise Refusal(403, "This is not your password of now.")
    if not str(form.get("new", "")):
        raise InvalidInput("new", "The new password is empty.")
    await change_password(asked.context, asked.by, person.name, str(form.get("new", "")))
    return FormResult("/account", "Your password was changed: log in with it.")


async def end(asked: OperatorRequest, form: FormData) -> FormResult:
    """The form ``/sessions/{id}``: ends a session."""
    ended = await end_session(asked.context, asked.by, asked.request.path_params["id"])
    back = "/people" if field(form, "back") == "people" else "/account"
    return FormResult(back, f"The session of {ended.name} has ended.")


def _own_person(asked: OperatorRequest) -> Person | None:
    uid = asked.by.person_uid
    return asked.context.broker.cache.find_by_uid(Person, uid) if uid else None
