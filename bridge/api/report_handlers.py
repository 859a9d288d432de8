"""Virtual access metrics and the usage report (ams-api.md 11.2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from bridge.api.api_errors import invalid_argument, not_found
from bridge.api.api_times import read_day
from bridge.api.call import Call
from bridge.api.metrics_handlers import report_load
from bridge.api.user_handlers import require_user
from bridge.api.wire_reports import MetricList, ProjectsMetrics, ProjectUsageAnswer, UsageReport, VaReport, ams_number
from broker.access import PROJECT_ADMIN
from broker.days import day_of
from broker.records import Project
from broker.usage_metrics import ProjectUsage


async def va_metrics(call: Call) -> VaReport:
    """The use of all projects, or of those named."""
    first, last = _span(call)
    names = _names(call)
    projects = [_project(call, name) for name in names] if names else call.broker.cache.list_all(Project)
    return _report(await call.broker.metrics.usage(projects, first, last))


async def usage_report(call: Call) -> UsageReport:
    """The use of the projects where whoever asks is project_admin, with the load of the service."""
    user = require_user(call)
    first, last = _span(call)
    names = _names(call)
    uids = [membership.project_uid for membership in user.memberships if PROJECT_ADMIN in membership.roles]
    known_projects = [call.broker.cache.find_by_uid(Project, uid) for uid in uids]
    projects = [project for project in known_projects if project is not None and (not names or project.name in names)]
    usage = await call.broker.metrics.usage(projects, first, last)
    # the load of the host is for those who answer for a project on it, as in AMS
    return UsageReport(_report(usage), report_load(call) if projects else MetricList([]))


def _report(rows: Sequence[ProjectUsage]) -> VaReport:
    shown = [
        ProjectUsageAnswer(
            row.project.name,
            row.messages,
            ams_number(row.average_daily_messages),
            row.topics,
            row.subscriptions,
            row.users,
        )
        for row in rows
    ]
    average = ams_number(round(sum((row.average_daily_messages for row in rows), 0.0), 2))
    totals = ProjectsMetrics(shown, sum(row.messages for row in rows), average)
    return VaReport(
        totals,
        sum(row.users for row in rows),
        sum(row.topics for row in rows),
        sum(row.subscriptions for row in rows),
    )


def _names(call: Call) -> list[str]:
    """Project names in the query, each once; beside a comma an empty one counts as a name that nobody has."""
    text = call.query("projects")
    return list(dict.fromkeys(text.split(","))) if text else []


def _project(call: Call, name: str) -> Project:
    project = call.broker.cache.project(name)
    if project is None:
        raise not_found(f"Project {name} doesn't exist")
    return project


def _span(call: Call) -> tuple[date, date]:
    """The days asked for, both included."""
    first_text, last_text = call.query("start_date"), call.query("end_date")
    first = read_day(first_text) if first_text else date(1970, 1, 1)
    if first is None:
        raise invalid_argument("Start date is not in valid format")
    last = read_day(last_text) if last_text else day_of(call.broker.clock.wall_us())
    if last is None:
        raise invalid_argument("End date is not in valid format")
    if first > last:
        raise invalid_argument("Start date cannot be after the end date")
    return first, last
