"""Projects (ams-api.md 9.3)."""

from __future__ import annotations

from bridge.api.api_errors import invalid_argument
from bridge.api.api_times import zulu
from bridge.api.call import Call
from bridge.api.request_bodies import read_shape
from bridge.api.wire_people import ProjectAnswer, ProjectList, ProjectRequest
from broker.errors import AlreadyExists
from broker.records import Project, User


def project_answer(call: Call, project: Project) -> ProjectAnswer:
    """A project as AMS shows it."""
    creator = call.broker.cache.find_by_uid(User, project.created_by)
    return ProjectAnswer(
        project.name,
        zulu(project.created_us),
        zulu(project.modified_us),
        "" if creator is None else creator.name,
        project.description,
    )


async def create(call: Call) -> ProjectAnswer:
    """A new, empty project."""
    request = await read_shape(call, ProjectRequest, "Invalid Project Arguments")
    project = await call.broker.projects.create(call.names["project"], request.description, call.caller.uid)
    return project_answer(call, project)


async def show(call: Call) -> ProjectAnswer:
    """One project."""
    return project_answer(call, call.project)


async def list_all(call: Call) -> ProjectList:
    """All projects, the oldest first (D21)."""
    return ProjectList([project_answer(call, project) for project in call.broker.cache.list_all(Project)])


async def update(call: Call) -> ProjectAnswer:
    """Rename or describe a project."""
    request = await read_shape(call, ProjectRequest)
    try:
        changed = await call.broker.projects.update(call.project, name=request.name, description=request.description)
    except AlreadyExists as taken:
        raise invalid_argument("invalid project name change, name already exists") from taken
    return project_answer(call, changed)


async def delete(call: Call) -> None:
    """Remove a project with its topics and subscriptions."""
    await call.broker.projects.delete(call.project)
