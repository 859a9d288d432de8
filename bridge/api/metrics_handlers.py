"""Metrics of topics, subscriptions, projects and the service itself (ams-api.md 11.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from bridge.api.api_errors import forbidden
from bridge.api.api_times import NEVER, zulu
from bridge.api.call import Call
from bridge.api.wire_reports import Metric, MetricList, Point, ams_number
from broker.access import CONSUMER, PUBLISHER, acl_admits, is_member
from broker.names import child_key
from broker.records import Project, Subscription, Topic, User

_DAYS_SHOWN: Final = 30


async def report_topic(call: Call) -> MetricList:
    """What was published to a topic."""
    topic = call.broker.cache.topic(call.project.uid, call.names["topic"])
    _check_acl(call, PUBLISHER, () if topic is None else topic.acl)
    topic = call.topic()
    numbers = await call.broker.metrics.topic(topic)
    days = await call.broker.metrics.topic_days(topic)
    subscriptions = len(call.broker.topics.subscriptions(topic))
    last = zulu(numbers.last_publish_us) if numbers.last_publish_us else NEVER
    name = topic.name
    return MetricList(
        [
            _counter(call, "topic.number_of_subscriptions", name, subscriptions),
            _counter(call, "topic.number_of_messages", name, numbers.messages),
            _counter(call, "topic.number_of_bytes", name, numbers.bytes),
            _daily("topic.number_of_daily_messages", name, days),
            _rate("topic.publishing_rate", name, numbers.publish_rate, last),
        ]
    )


async def report_subscription(call: Call) -> MetricList:
    """What was pulled from a subscription."""
    subscription = call.broker.cache.subscription(call.project.uid, call.names["subscription"])
    _check_acl(call, CONSUMER, () if subscription is None else subscription.acl)
    subscription = call.subscription()
    consumed = await call.broker.pulls.measure_consumption(subscription)
    last = zulu(consumed.last_us) if consumed.last_us else NEVER
    name = subscription.name
    return MetricList(
        [
            _counter(call, "subscription.number_of_messages", name, consumed.messages),
            _counter(call, "subscription.number_of_bytes", name, consumed.bytes),
            _rate("subscription.consumption_rate", name, consumed.rate, last),
        ]
    )


async def report_project(call: Call) -> MetricList:
    """What a project and its members have, and its messages by day."""
    project, cache = call.project, call.broker.cache
    prefix = child_key(project.uid, "")
    topics, subscriptions = cache.list_all(Topic, prefix), cache.list_all(Subscription, prefix)
    members = [user for user in cache.list_all(User) if is_member(user, project.uid)]
    return MetricList(
        [
            _counter(call, "project.number_of_topics", project.name, len(topics)),
            _counter(call, "project.number_of_subscriptions", project.name, len(subscriptions)),
            *_by_member(call, project, "project.user.number_of_topics", members, topics),
            *_by_member(call, project, "project.user.number_of_subscriptions", members, subscriptions),
            _daily("project.number_of_daily_messages", project.name, await call.broker.metrics.project_days(project)),
        ]
    )


async def report_service(call: Call) -> MetricList:
    """How busy every known node is."""
    return report_load(call)


def report_load(call: Call) -> MetricList:
    """The load of every known node, one pair each."""
    now = zulu(call.broker.clock.wall_us())
    metrics = []
    for usage in call.api.outside.nodes():
        for metric, value in (("ams_node.cpu_usage", usage.cpu), ("ams_node.memory_usage", usage.memory)):
            text = _DESCRIPTIONS[metric].format(usage.node)
            point = Point(now, ams_number(float(value)))
            metrics.append(Metric(metric, "percentage", "float64", "ams_node", usage.node, [point], text))
    return MetricList(metrics)


def _check_acl(call: Call, trigger: str, acl: Sequence[str]) -> None:
    """Judged before the thing is known to exist: whoever is not on a list that is not there may not ask."""
    caller = call.caller
    if call.api.settings.per_resource_auth and not acl_admits(caller.roles, trigger, caller.uid, acl):
        raise forbidden()


def _by_member(
    call: Call, project: Project, metric: str, members: Sequence[User], records: Sequence[Topic | Subscription]
) -> list[Metric]:
    counts = [(user.name, sum(1 for record in records if user.uid in record.acl)) for user in members]
    return [_counter(call, metric, f"{project.name}.{name}", n) for name, n in counts if n]


def _counter(call: Call, metric: str, name: str, value: int) -> Metric:
    points = [Point(zulu(call.broker.clock.wall_us()), value)]
    return _metric(metric, "counter", "int64", name, points)


def _daily(metric: str, name: str, days: Mapping[date, int]) -> Metric:
    newest = sorted(days, reverse=True)[:_DAYS_SHOWN]
    return _metric(metric, "counter", "int64", name, [Point(day.isoformat(), days[day]) for day in newest])


def _rate(metric: str, name: str, value: float, at: str) -> Metric:
    return _metric(metric, "rate", "float64", name, [Point(at, ams_number(float(value)))])


def _metric(metric: str, metric_type: str, value_type: str, name: str, points: list[Point]) -> Metric:
    resource_type = metric.rpartition(".")[0]
    text = _DESCRIPTIONS[metric].format(name)
    return Metric(metric, metric_type, value_type, resource_type, name, points, text)


_DESCRIPTIONS: Final = {
    "topic.number_of_subscriptions": "Counter that displays the number of subscriptions of topic {}",
    "topic.number_of_messages": "Counter that displays the number of messages published to topic {}",
    "topic.number_of_bytes": "Counter that displays the bytes of text published to topic {}",
    "topic.number_of_daily_messages": "Messages published to topic {} per day (UTC), the youngest day first",
    "topic.publishing_rate": "Messages per second of the latest publish to topic {}",
    "subscription.number_of_messages": "Counter that displays the number of messages consumed from subscription {}",
    "subscription.number_of_bytes": "Counter that displays the bytes of text consumed from subscription {}",
    "subscription.consumption_rate": "Messages per second of the latest pull from subscription {}",
    "project.number_of_topics": "Counter that displays the number of topics of project {}",
    "project.number_of_subscriptions": "Counter that displays the number of subscriptions of project {}",
    "project.user.number_of_topics": "Counter that displays the number of topics that name member {}",
    "project.user.number_of_subscriptions": "Counter that displays the number of subscriptions that name member {}",
    "project.number_of_daily_messages": "Messages published to project {} per day (UTC), the youngest day first",
    "ams_node.cpu_usage": "Percentage of the processor time used by node {}",
    "ams_node.memory_usage": "Percentage of the memory used by node {}",
}
