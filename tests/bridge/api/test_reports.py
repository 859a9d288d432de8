"""Metrics, reports, status and version over the API (ams-api.md section 11)."""

import pytest

from tests.fakes.ams_api import a_staged_api, an_api

IA = "INVALID_ARGUMENT"
NOW = "2026-01-01T00:00:00Z"
DAY_S = 86_400
UNAUTHORIZED = (401, "UNAUTHORIZED", "Unauthorized")
UNAVAILABLE = "Push server is currently unavailable"
FORBIDDEN = (403, "FORBIDDEN", "Access to this resource is forbidden")


def told(answer):
    """Each metric without its free text."""
    assert all(metric["description"] for metric in answer["metrics"])
    shapes = {(m["metric"], m["metric_type"], m["value_type"], m["resource_type"]) for m in answer["metrics"]}
    points = [
        (m["metric"], m["resource_name"], [(p["timestamp"], p["value"]) for p in m["timeseries"]])
        for m in answer["metrics"]
    ]
    return shapes, points


async def test_a_topic_nobody_published_to():
    ams = await a_staged_api()
    shapes, points = told(await ams.ok("GET", "/projects/P/topics/T:metrics"))
    assert points == [
        ("topic.number_of_subscriptions", "T", [(NOW, 1)]),
        ("topic.number_of_messages", "T", [(NOW, 0)]),
        ("topic.number_of_bytes", "T", [(NOW, 0)]),
        ("topic.number_of_daily_messages", "T", []),
        ("topic.publishing_rate", "T", [("0001-01-01T00:00:00Z", 0.0)]),
    ]
    assert shapes == {
        ("topic.number_of_subscriptions", "counter", "int64", "topic"),
        ("topic.number_of_messages", "counter", "int64", "topic"),
        ("topic.number_of_bytes", "counter", "int64", "topic"),
        ("topic.number_of_daily_messages", "counter", "int64", "topic"),
        ("topic.publishing_rate", "rate", "float64", "topic"),
    }


async def test_a_topic_with_traffic_counts_text_and_days_and_rates():
    ams = await a_staged_api()
    await ams.publish("YWJj", "YWI=")
    await ams.clock.advance(DAY_S)
    await ams.publish("YQ==")
    await ams.clock.advance(4)
    await ams.publish("YQ==", "YQ==")
    _, points = told(await ams.ok("GET", "/projects/P/topics/T:metrics"))
    later = "2026-01-02T00:00:04Z"
    assert points[1:] == [
        ("topic.number_of_messages", "T", [(later, 5)]),
        ("topic.number_of_bytes", "T", [(later, 20)]),
        ("topic.number_of_daily_messages", "T", [("2026-01-02", 3), ("2026-01-01", 2)]),
        ("topic.publishing_rate", "T", [(later, 0.5)]),
    ]


async def test_thirty_days_are_shown():
    ams = await a_staged_api()
    for _ in range(33):
        await ams.publish("x")
        await ams.clock.advance(DAY_S, turns=1)
    _, points = told(await ams.ok("GET", "/projects/P/topics/T:metrics"))
    assert len(points[3][2]) == 30
    assert points[3][2][0] == ("2026-02-02", 1)


async def test_a_publish_rate_divides_by_at_least_a_millisecond():
    ams = await a_staged_api()
    await ams.publish("x")
    await ams.publish("x")
    _, points = told(await ams.ok("GET", "/projects/P/topics/T:metrics"))
    assert points[4][2] == [(NOW, 1000.0)]


async def test_a_subscription_counts_every_delivery():
    ams = await a_staged_api()
    path = "/projects/P/subscriptions/S:metrics"
    shapes, points = told(await ams.ok("GET", path))
    assert points[2] == ("subscription.consumption_rate", "S", [("0001-01-01T00:00:00Z", 0.0)])
    assert shapes == {
        ("subscription.number_of_messages", "counter", "int64", "subscription"),
        ("subscription.number_of_bytes", "counter", "int64", "subscription"),
        ("subscription.consumption_rate", "rate", "float64", "subscription"),
    }
    await ams.publish("aaaa", "bbbb")
    await ams.pull(2)
    await ams.clock.advance(4)
    await ams.pull(2)
    _, points = told(await ams.ok("GET", path))
    later = "2026-01-01T00:00:04Z"
    assert points == [
        ("subscription.number_of_messages", "S", [(later, 4)]),
        ("subscription.number_of_bytes", "S", [(later, 16)]),
        ("subscription.consumption_rate", "S", [(later, 0.5)]),
    ]


async def test_a_project_counts_what_it_and_its_members_have():
    ams = await a_staged_api()
    await ams.publish("x", "y")
    await ams.ok("PUT", "/projects/P/topics/gone")
    await ams.publish("z", topic="gone")
    await ams.ok("DELETE", "/projects/P/topics/gone")
    shapes, points = told(await ams.ok("GET", "/projects/P:metrics"))
    assert points == [
        ("project.number_of_topics", "P", [(NOW, 1)]),
        ("project.number_of_subscriptions", "P", [(NOW, 1)]),
        ("project.user.number_of_topics", "P.pub", [(NOW, 1)]),
        ("project.user.number_of_subscriptions", "P.con", [(NOW, 1)]),
        ("project.number_of_daily_messages", "P", [("2026-01-01", 3)]),
    ]
    assert ("project.user.number_of_topics", "counter", "int64", "project.user") in shapes


async def test_the_service_shows_one_pair_per_node():
    ams = await an_api()
    shapes, points = told(await ams.ok("GET", "/metrics"))
    assert points == [
        ("ams_node.cpu_usage", "node-1", [(NOW, 12.5)]),
        ("ams_node.memory_usage", "node-1", [(NOW, 34.25)]),
    ]
    assert ("ams_node.cpu_usage", "percentage", "float64", "ams_node") in shapes


# --- Reports --------------------------------------------------------------------------------------

EMPTY = {
    "projects_metrics": {"projects": [], "total_message_count": 0, "average_daily_messages": 0.0},
    "total_users_count": 0,
    "total_topics_count": 0,
    "total_subscriptions_count": 0,
}


async def two_projects():
    ams = await a_staged_api()
    await ams.publish(*"abc")
    await ams.ok("POST", "/projects/Q", {})
    await ams.ok("PUT", "/projects/Q/topics/T")
    await ams.ok("POST", "/projects/Q/topics/T:publish", {"messages": [{}]})
    await ams.ok("POST", "/projects/quiet", {})
    return ams


async def test_the_report_lists_projects_with_traffic_and_sums_them():
    ams = await two_projects()
    report = await ams.ok("GET", "/metrics/va_metrics", start_date="2026-01-01", end_date="2026-01-02")
    assert report == {
        "projects_metrics": {
            "projects": [
                {
                    "project": "P",
                    "message_count": 3,
                    "average_daily_messages": 1.5,
                    "topics_count": 1,
                    "subscriptions_count": 1,
                    "users_count": 3,
                },
                {
                    "project": "Q",
                    "message_count": 1,
                    "average_daily_messages": 0.5,
                    "topics_count": 1,
                    "subscriptions_count": 0,
                    "users_count": 0,
                },
            ],
            "total_message_count": 4,
            "average_daily_messages": 2.0,
        },
        "total_users_count": 3,
        "total_topics_count": 2,
        "total_subscriptions_count": 1,
    }


async def test_the_report_is_for_the_projects_named_and_their_users_are_counted():
    ams = await two_projects()
    report = await ams.ok("GET", "/metrics/va_metrics", projects="P,P", start_date="2026-01-01")
    assert [row["project"] for row in report["projects_metrics"]["projects"]] == ["P"]
    assert report["total_users_count"] == 3


async def test_things_created_outside_the_days_are_not_counted():
    ams = await two_projects()
    await ams.clock.advance(DAY_S)
    await ams.publish("x")
    await ams.ok("PUT", "/projects/P/topics/late")
    report = await ams.ok("GET", "/metrics/va_metrics", start_date="2026-01-02", end_date="2026-01-02")
    (row,) = report["projects_metrics"]["projects"]
    assert (row["message_count"], row["topics_count"], row["subscriptions_count"]) == (1, 1, 0)


async def test_a_report_without_traffic_is_full_of_zeros():
    ams = await two_projects()
    assert await ams.ok("GET", "/metrics/va_metrics", end_date="2020-01-01") == EMPTY


async def test_daily_counters_outlive_their_topic_in_the_report():
    ams = await a_staged_api()
    await ams.publish("x")
    await ams.ok("DELETE", "/projects/P/topics/T")
    report = await ams.ok("GET", "/metrics/va_metrics", start_date="2026-01-01")
    assert report["projects_metrics"]["total_message_count"] == 1


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"start_date": "x"}, (400, IA, "Start date is not in valid format")),
        ({"start_date": "2026-1-1"}, (400, IA, "Start date is not in valid format")),
        ({"start_date": "2026-02-30"}, (400, IA, "Start date is not in valid format")),
        ({"end_date": "01-01-2026"}, (400, IA, "End date is not in valid format")),
        ({"start_date": "2026-01-02", "end_date": "2026-01-01"}, (400, IA, "Start date cannot be after the end date")),
        ({"start_date": "2027-01-01"}, (400, IA, "Start date cannot be after the end date")),
    ],
)
async def test_wrong_days_are_refused(query, error):
    ams = await a_staged_api()
    assert await ams.error("GET", "/metrics/va_metrics", **query) == error
    assert await ams.error("GET", "/users/usageReport", token="padm", **query) == error


async def test_an_unknown_project_is_told_in_the_report():
    ams = await a_staged_api()
    error = await ams.error("GET", "/metrics/va_metrics", projects="P,none")
    assert error == (404, "NOT_FOUND", "Project none doesn't exist")


async def test_the_usage_report_is_for_the_projects_one_administers():
    ams = await two_projects()
    report = await ams.ok("GET", "/users/usageReport", token="padm", projects="P,Q,none")
    assert [row["project"] for row in report["va_metrics"]["projects_metrics"]["projects"]] == ["P"]
    assert [m["metric"] for m in report["operational_metrics"]["metrics"]] == [
        "ams_node.cpu_usage",
        "ams_node.memory_usage",
    ]
    report = await ams.ok("GET", "/users/usageReport", token="pub")
    assert report["va_metrics"] == EMPTY


async def test_the_usage_report_passes_over_deleted_projects():
    ams = await two_projects()
    await ams.ok("DELETE", "/projects/P")
    assert (await ams.ok("GET", "/users/usageReport", token="padm"))["va_metrics"] == EMPTY


async def test_the_usage_report_is_for_known_users_before_its_days_are_judged():
    ams = await a_staged_api()
    for token in (None, "unknown"):
        assert await ams.error("GET", "/users/usageReport", token=token, start_date="x") == UNAUTHORIZED


# --- Status and version ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "body"),
    [
        ("off", {"status": "ok", "push_functionality": "disabled"}),
        ("internal", {"status": "ok", "push_servers": [{"endpoint": "ams.example.org:443", "status": "SERVING"}]}),
        ("external", {"status": "warning", "push_servers": [{"endpoint": "external", "status": UNAVAILABLE}]}),
    ],
)
async def test_status_tells_how_pushing_is(mode, body):
    ams = await an_api(push_mode=mode, address="ams.example.org:443")
    assert await ams.ok("GET", "/status", token=None) == body


async def test_an_outside_worker_serves_while_it_pulls():
    ams = await a_staged_api(push_mode="external")
    await ams.user("worker", service_roles=["push_worker"])
    config = {"type": "mattermost", "mattermostUrl": "https://chat.example.org/hooks/x"}
    path = "/projects/P/subscriptions/pushed"
    await ams.ok("PUT", path, {"topic": "projects/P/topics/T", "pushConfig": config})

    async def says():
        (server,) = (await ams.ok("GET", "/status"))["push_servers"]
        return server["status"], (await ams.ok("GET", path))["pushStatus"]

    assert await says() == (UNAVAILABLE, UNAVAILABLE)
    await ams.ok("POST", f"{path}:pull", {}, token="service-token")
    assert await says() == (UNAVAILABLE, UNAVAILABLE)
    await ams.ok("POST", f"{path}:pull", {}, token="worker")
    assert await says() == ("SERVING", f"Subscription {path} is currently active")
    await ams.clock.advance(59)
    assert (await says())[0] == "SERVING"
    await ams.clock.advance(2)
    assert await says() == (UNAVAILABLE, UNAVAILABLE)


async def test_status_is_ok_once_the_outside_worker_has_a_user():
    ams = await an_api(push_mode="external")
    await ams.user("worker", service_roles=["push_worker"])
    assert (await ams.ok("GET", "/status"))["status"] == "ok"


async def test_details_of_the_status_say_401_and_403_the_other_way_round():
    ams = await a_staged_api()
    await ams.user("viewer", service_roles=["admin_viewer"])
    await ams.user("boss", service_roles=["service_admin"])
    for token in (None, "unknown"):
        assert await ams.error("GET", "/status", token=token, details="true") == FORBIDDEN
    assert await ams.error("GET", "/status", token="pub", details="true") == UNAUTHORIZED
    for token in ("viewer", "boss", "service-token"):
        await ams.ok("GET", "/status", token=token, details="true")
    await ams.ok("GET", "/status", token="unknown", details="no")


async def test_the_release_is_told_to_viewers_only():
    ams = await an_api(release="1.2.3", hostname="ams.example.org", build_time="2026-01-01T00:00:00Z")
    await ams.user("viewer", service_roles=["admin_viewer"])
    await ams.user("plain")
    for token, told_release in (
        ("viewer", True),
        ("service-token", True),
        ("plain", False),
        ("bad", False),
        (None, False),
    ):
        version = await ams.ok("GET", "/version", token=token)
        assert version.get("release") == ("1.2.3" if told_release else None)
        assert version["hostname"] == "ams.example.org"
        assert {"build_time", "golang", "compiler", "os", "architecture"} <= set(version)
        assert all(isinstance(value, str) for value in version.values())


async def test_dates_at_the_edges_of_the_calendar_are_dates():
    ams = await a_staged_api()
    await ams.publish("YQ==")
    for query in ({"end_date": "9999-12-31"}, {"start_date": "0000-01-01"}, {"start_date": "0001-01-01"}):
        report = await ams.ok("GET", "/metrics/va_metrics", **query)
        assert report["projects_metrics"]["total_message_count"] == 1
        assert (await ams.ask("GET", "/users/usageReport", token="padm", **query)).status == 200
    nothing = await ams.ok("GET", "/metrics/va_metrics", start_date="9999-12-31", end_date="9999-12-31")
    assert nothing["total_topics_count"] == 0
    for wrong in ("0000-02-30", "9999-12-32", "10000-01-01"):
        error = await ams.error("GET", "/metrics/va_metrics", end_date=wrong)
        assert error == (400, "INVALID_ARGUMENT", "End date is not in valid format")


async def test_the_load_of_the_host_is_for_project_admins_only():
    ams = await a_staged_api()
    for token in ("pub", "con"):
        report = await ams.ok("GET", "/users/usageReport", token=token)
        assert report["operational_metrics"] == {"metrics": []}
    assert (await ams.ok("GET", "/users/usageReport", token="padm"))["operational_metrics"]["metrics"]
    named = await ams.ok("GET", "/users/usageReport", token="padm", projects="Q")
    assert named["operational_metrics"] == {"metrics": []}


async def test_beside_a_comma_an_empty_name_is_a_project_that_there_is_not():
    ams = await a_staged_api()
    for names in (",", "P,", ",P"):
        error = await ams.error("GET", "/metrics/va_metrics", projects=names)
        assert error == (404, "NOT_FOUND", "Project  doesn't exist")
    assert (await ams.ask("GET", "/metrics/va_metrics", projects="")).status == 200


async def test_a_number_without_a_fraction_has_no_point():
    ams = await a_staged_api()
    await ams.publish(*["YQ=="] * 8)
    today = "2026-01-01"
    report = await ams.ok("GET", "/metrics/va_metrics", start_date=today, end_date=today)
    average = report["projects_metrics"]["average_daily_messages"]
    assert (average, type(average)) == (8, int)
    metrics = (await ams.ok("GET", "/projects/P/subscriptions/S:metrics"))["metrics"]
    assert type(metrics[-1]["timeseries"][0]["value"]) is int
