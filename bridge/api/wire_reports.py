"""The JSON of schemas, metrics, reports, status and version (ams-api.md sections 10 and 11)."""

from __future__ import annotations

from typing import Any

from bridge.api.wire import SnakeAnswer, SnakeRequest


class SchemaRequest(SnakeRequest, frozen=True):
    """What creating or updating a schema takes; None where it was absent."""

    name: str = ""
    type: str = ""
    schema: dict[str, Any] | None = None


class SchemaAnswer(SnakeAnswer):
    """A schema as AMS shows it."""

    uuid: str
    name: str
    type: str
    schema: dict[str, Any]


class SchemaList(SnakeAnswer):
    """The schemas of a project, the oldest first."""

    schemas: list[SchemaAnswer]


def ams_number(value: float) -> int | float:
    """A number as AMS writes it: one without a fraction has no point (``8``, not ``8.0``)."""
    return int(value) if value.is_integer() else value


class Point(SnakeAnswer):
    """One value at one time."""

    timestamp: str
    value: int | float


class Metric(SnakeAnswer):
    """One metric with its points, the youngest first."""

    metric: str
    metric_type: str
    value_type: str
    resource_type: str
    resource_name: str
    timeseries: list[Point]
    description: str


class MetricList(SnakeAnswer):
    """Metrics, in a fixed order."""

    metrics: list[Metric]


class ProjectUsageAnswer(SnakeAnswer):
    """One project's row of the report."""

    project: str
    message_count: int
    average_daily_messages: int | float
    topics_count: int
    subscriptions_count: int
    users_count: int


class ProjectsMetrics(SnakeAnswer):
    """The rows of projects and their sums."""

    projects: list[ProjectUsageAnswer]
    total_message_count: int
    average_daily_messages: int | float


class VaReport(SnakeAnswer):
    """The virtual access report."""

    projects_metrics: ProjectsMetrics
    total_users_count: int
    total_topics_count: int
    total_subscriptions_count: int


class UsageReport(SnakeAnswer):
    """The virtual access report with the load of the service."""

    va_metrics: VaReport
    operational_metrics: MetricList


class PushServer(SnakeAnswer):
    """A push server and how it is."""

    endpoint: str
    status: str


class HealthAnswer(SnakeAnswer):
    """How the service is."""

    status: str
    push_functionality: str = ""
    push_servers: list[PushServer] = []


class VersionAnswer(SnakeAnswer):
    """What the service is made of."""

    build_time: str
    golang: str
    compiler: str
    os: str
    architecture: str
    release: str = ""
    distro: str = ""
    hostname: str = ""
