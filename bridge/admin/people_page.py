"""The page of people: who may see and do what, their passwords and tokens, and who is logged in."""

from __future__ import annotations

from typing import Any, Final, get_args

from starlette.datastructures import FormData

from bridge.admin.handlers import FormResult, field
from bridge.control.http_answers import OperatorRequest, Refusal
from bridge.operate.operator_errors import InvalidInput
from bridge.operate.people_upkeep import (
    add_person,
    change_password,
    change_role,
    list_people,
    remove_person,
    renew_token,
)
from bridge.operate.sessions import list_sessions
from broker.people import PersonRole

ROLES: Final[tuple[PersonRole, ...]] = get_args(PersonRole)


async def view_people(asked: OperatorRequest) -> dict[str, Any]:
    """GET /people: everybody with a role, and every session."""
    return {
        "people": list_people(asked.context).people,
        "sessions": list_sessions(asked.context, asked.by).sessions,
        "roles": ROLES,
    }


async def add(asked: OperatorRequest, form: FormData) -> FormResult:
    """The form ``/people``: adds a person, and shows a new token this once."""
    changed = await add_person(
        asked.context,
        asked.by,
        field(form, "name"),
        role_of(form),
        password=str(form.get("password", "")),
        with_token=field(form, "with_token") == "1",
    )
    return FormResult("/people", f"{changed.person.name} was added as {changed.person.role}.", changed.token)


async def change(asked: OperatorRequest, form: FormData) -> FormResult:
    """The form ``/people/{name}``: another role, password or token, or no such person any more."""
    name, context, by = asked.request.path_params["name"], asked.context, asked.by
    match field(form, "action"):
        case "role":
            changed = await change_role(context, by, name, role_of(form))
            return FormResult("/people", f"{name} is {changed.person.role} now.")
        case "password":
            await change_password(context, by, name, str(form.get("password", "")))
            return FormResult("/people", f"{name} has another password; what was open with the old one is closed.")
        case "token":
            changed = await renew_token(context, by, name)
            return FormResult("/people", f"{name} has a new token; the old one is dead.", changed.token)
        case "remove":
            await remove_person(context, by, name)
            return FormResult("/people", f"{name} was removed.")
        case _:
            raise Refusal(400, "This form says nothing that could be done.")


def role_of(form: FormData) -> PersonRole:
    """The role that a form gives. Raises InvalidInput."""
    given = field(form, "role")
    role = next((role for role in ROLES if role == given), None)
    if role is None:
        raise InvalidInput("role", f"a role is one of {', '.join(ROLES)}")
    return role
