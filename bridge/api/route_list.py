"""The 64 routes of AMS in match order, with who may call them (ams-api.md section 3).

This one table serves dispatch, the role tests and the OpenAPI document.
"""

from __future__ import annotations

from typing import Any, Final

from bridge.api import health_handlers as health
from bridge.api import member_handlers as members
from bridge.api import message_handlers as messages
from bridge.api import metrics_handlers as metrics
from bridge.api import offset_handlers as offsets
from bridge.api import project_handlers as projects
from bridge.api import push_handlers as push
from bridge.api import registration_handlers as registrations
from bridge.api import report_handlers as reports
from bridge.api import schema_handlers as schemas
from bridge.api import subscription_handlers as subscriptions
from bridge.api import topic_handlers as topics
from bridge.api import user_handlers as users
from bridge.api.call import Handler
from bridge.api.route import ApiRoute
from bridge.api.wire import (
    AckDeadlineRequest,
    AckRequest,
    AclAnswer,
    AclRequest,
    Deactivated,
    Empty,
    MessageText,
    OffsetAnswer,
    OffsetRequest,
    OffsetsAnswer,
    PublishAnswer,
    PublishRequest,
    PullRequest,
    SubscriptionAnswer,
    SubscriptionNames,
    SubscriptionPage,
    SubscriptionRequest,
    TopicAnswer,
    TopicPage,
    WirePull,
)
from bridge.api.wire_people import (
    DeclineRequest,
    MemberRolesRequest,
    ProjectAnswer,
    ProjectList,
    ProjectRequest,
    RegistrationAnswer,
    RegistrationList,
    RegistrationRequest,
    UserAnswer,
    UserPage,
    UserRequest,
)
from bridge.api.wire_reports import (
    HealthAnswer,
    MetricList,
    SchemaAnswer,
    SchemaList,
    SchemaRequest,
    UsageReport,
    VaReport,
    VersionAnswer,
)
from broker.access import CONSUMER, PROJECT_ADMIN, PUBLISHER, PUSH_WORKER, SERVICE_ADMIN

SA, PA, PUB, CON, PW = SERVICE_ADMIN, PROJECT_ADMIN, PUBLISHER, CONSUMER, PUSH_WORKER

_PROJECT: Final = "/projects/{project}"
_MEMBER: Final = _PROJECT + "/members/{user}"
_TOPIC: Final = _PROJECT + "/topics/{topic}"
_SUBSCRIPTION: Final = _PROJECT + "/subscriptions/{subscription}"
_SCHEMA: Final = _PROJECT + "/schemas/{schema}"
_PAGES: Final = ("pageSize", "pageToken")
_DAYS: Final = ("start_date", "end_date", "projects")
_REGISTRATION: Final = ("status", "name", "email", "organization", "activation_token")


def _route(
    name: str,
    method: str,
    path: str,
    roles: tuple[str, ...] | None,
    handler: Handler,
    *,
    body: Any = None,
    answer: Any,
    query: tuple[str, ...] = (),
    summary: str,
) -> ApiRoute:
    """A route; without roles it is open and judges tokens itself."""
    return ApiRoute(
        name=name,
        method=method,
        path=path,
        roles=frozenset(roles or ()),
        handler=handler,
        body=body,
        answer=answer,
        query=query,
        summary=summary,
        is_open=roles is None,
        needs_project=name != "projects:create",
    )


# fmt: off
ROUTES: Final[tuple[ApiRoute, ...]] = (
    _route("ams:metrics", "GET", "/metrics", (SA, PA, "metrics_viewer"),
           metrics.report_service, answer=MetricList, summary="The load of every node"),
    _route("ams:healthStatus", "GET", "/status", None,
           health.status, answer=HealthAnswer, query=("details",), summary="How the service is"),
    _route("ams:vaMetrics", "GET", "/metrics/va_metrics", (SA, PA, "metrics_viewer"),
           reports.va_metrics, answer=VaReport, query=_DAYS, summary="The use of projects in a span of days"),
    _route("users:byToken", "GET", "/users:byToken/{token}", (SA, PW),
           users.show_user_of_token, answer=UserAnswer, summary="The user who holds a token"),
    _route("users:byUUID", "GET", "/users:byUUID/{uuid}", (SA, "argo_api_authn"),
           users.show_user_of_uuid, answer=UserAnswer, summary="The user with a uuid"),
    _route("users:list", "GET", "/users", (SA, PA),
           users.list_page, answer=UserPage, query=(*_PAGES, "details", "project"),
           summary="Users, the youngest first"),
    _route("users:profile", "GET", "/users/profile", None,
           users.show_profile, answer=UserAnswer, summary="Whoever asks"),
    _route("users:usageReport", "GET", "/users/usageReport", None,
           reports.usage_report, answer=UsageReport, query=_DAYS, summary="The use of the projects of whoever asks"),
    _route("users:show", "GET", "/users/{user}", (SA,), users.show, answer=UserAnswer, summary="One user"),
    _route("users:refreshToken", "POST", "/users/{user}:refreshToken", (SA,),
           users.refresh_token, answer=UserAnswer, summary="A new token; the old one is dead at once"),
    _route("users:create", "POST", "/users/{user}", (SA,),
           users.create, body=UserRequest, answer=UserAnswer, summary="A new user with a token"),
    _route("users:update", "PUT", "/users/{user}", (SA,),
           users.update, body=UserRequest, answer=UserAnswer, summary="Change a user; lists are replaced whole"),
    _route("users:delete", "DELETE", "/users/{user}", (SA,), users.delete, answer=Empty, summary="Remove a user"),
    _route("registrations:newUser", "POST", "/registrations", (SA, "register_admin"),
           registrations.create, body=RegistrationRequest, answer=RegistrationAnswer, summary="A new registration"),
    _route("registrations:acceptNewUser", "POST", "/registrations/{uuid}:accept", (SA,),
           registrations.accept, answer=UserAnswer, summary="Make the user"),
    _route("registrations:declineNewUser", "POST", "/registrations/{uuid}:decline", (SA,),
           registrations.decline, body=DeclineRequest, answer=Empty, summary="Decline with a comment"),
    _route("registrations:delete", "DELETE", "/registrations/{uuid}", (SA,),
           registrations.delete, answer=Empty, summary="Forget a registration"),
    _route("registrations:show", "GET", "/registrations/{uuid}", (SA,),
           registrations.show, answer=RegistrationAnswer, summary="One registration"),
    _route("registrations:list", "GET", "/registrations", (SA,),
           registrations.list_all, answer=RegistrationList, query=_REGISTRATION,
           summary="Registrations, the oldest first"),
    _route("projects:list", "GET", "/projects", (SA,),
           projects.list_all, answer=ProjectList, summary="Projects, the oldest first"),
    _route("projects:metrics", "GET", _PROJECT + ":metrics", (SA, PA),
           metrics.report_project, answer=MetricList, summary="What a project has and does"),
    _route("projects:addUser", "POST", _MEMBER + ":add", (SA, PA),
           members.add, body=MemberRolesRequest, answer=UserAnswer, summary="Make a user a member"),
    _route("projects:removeUser", "POST", _MEMBER + ":remove", (SA, PA),
           members.remove, answer=Empty, summary="Take a member out"),
    _route("projects:showUser", "GET", _MEMBER, (SA, PA), members.show, answer=UserAnswer, summary="One member"),
    _route("projects:createUser", "POST", _MEMBER, (SA, PA),
           members.create, body=UserRequest, answer=UserAnswer, summary="A new user who is a member here"),
    _route("projects:updateUser", "PUT", _MEMBER, (SA, PA),
           members.update, body=UserRequest, answer=UserAnswer, summary="Replace a member's roles here"),
    _route("projects:listUsers", "GET", _PROJECT + "/members", (SA, PA),
           members.list_page, answer=UserPage, query=(*_PAGES, "details"), summary="Members, the youngest first"),
    _route("projects:show", "GET", _PROJECT, (SA, PA), projects.show, answer=ProjectAnswer, summary="One project"),
    _route("projects:create", "POST", _PROJECT, (SA,),
           projects.create, body=ProjectRequest, answer=ProjectAnswer, summary="A new project"),
    _route("projects:update", "PUT", _PROJECT, (SA, PA),
           projects.update, body=ProjectRequest, answer=ProjectAnswer, summary="Rename or describe a project"),
    _route("projects:delete", "DELETE", _PROJECT, (SA, PA),
           projects.delete, answer=Empty, summary="Remove a project with all in it"),
    _route("subscriptions:list", "GET", _PROJECT + "/subscriptions", (SA, PA, CON),
           subscriptions.list_page, answer=SubscriptionPage, query=_PAGES, summary="Subscriptions, the youngest first"),
    _route("subscriptions:listByTopic", "GET", _TOPIC + "/subscriptions", (SA, PA),
           topics.list_subscriptions, answer=SubscriptionNames, summary="The subscriptions of a topic"),
    _route("subscriptions:offsets", "GET", _SUBSCRIPTION + ":offsets", (SA, PA, CON),
           offsets.show, answer=OffsetsAnswer, summary="Where a subscription stands"),
    _route("subscriptions:timeToOffset", "GET", _SUBSCRIPTION + ":timeToOffset", (SA, PA, CON),
           offsets.find_offset_of_time, answer=OffsetAnswer, query=("time",), summary="The offset of a time"),
    _route("subscriptions:acl", "GET", _SUBSCRIPTION + ":acl", (SA, PA),
           subscriptions.show_acl, answer=AclAnswer, summary="Who may pull"),
    _route("subscriptions:metrics", "GET", _SUBSCRIPTION + ":metrics", (SA, PA, CON),
           metrics.report_subscription, answer=MetricList, summary="What was pulled"),
    _route("subscriptions:show", "GET", _SUBSCRIPTION, (SA, PA, CON, PW),
           subscriptions.show, answer=SubscriptionAnswer, summary="One subscription"),
    _route("subscriptions:create", "PUT", _SUBSCRIPTION, (SA, PA),
           subscriptions.create, body=SubscriptionRequest, answer=SubscriptionAnswer, summary="A new subscription"),
    _route("subscriptions:delete", "DELETE", _SUBSCRIPTION, (SA, PA),
           subscriptions.delete, answer=Deactivated, summary="Remove a subscription"),
    _route("subscriptions:pull", "POST", _SUBSCRIPTION + ":pull", (SA, PA, CON, PW),
           messages.pull, body=PullRequest, answer=WirePull, summary="Messages from where the subscription stands"),
    _route("subscriptions:acknowledge", "POST", _SUBSCRIPTION + ":acknowledge", (SA, PA, CON, PW),
           messages.acknowledge, body=AckRequest, answer=Empty, summary="Everything up to the largest id is done"),
    _route("subscriptions:verifyPushEndpoint", "POST", _SUBSCRIPTION + ":verifyPushEndpoint", (SA, PA),
           push.verify, answer=Empty, summary="Ask a push endpoint for its hash"),
    _route("subscriptions:modifyAckDeadline", "POST", _SUBSCRIPTION + ":modifyAckDeadline", (SA, PA, CON),
           subscriptions.modify_ack_deadline, body=AckDeadlineRequest, answer=Empty,
           summary="Give consumers this long to acknowledge"),
    _route("subscriptions:modifyPushConfig", "POST", _SUBSCRIPTION + ":modifyPushConfig", (SA, PA),
           push.modify, body=SubscriptionRequest, answer=Empty, summary="Push differently, or no more"),
    _route("subscriptions:modifyOffset", "POST", _SUBSCRIPTION + ":modifyOffset", (SA, PA, CON),
           offsets.modify, body=OffsetRequest, answer=Empty, summary="Move a subscription"),
    _route("subscriptions:modifyAcl", "POST", _SUBSCRIPTION + ":modifyAcl", (SA, PA),
           subscriptions.modify_acl, body=AclRequest, answer=Empty, summary="Say who may pull"),
    _route("topics:list", "GET", _PROJECT + "/topics", (SA, PA, PUB),
           topics.list_page, answer=TopicPage, query=_PAGES, summary="Topics, the youngest first"),
    _route("topics:acl", "GET", _TOPIC + ":acl", (SA, PA),
           topics.show_acl, answer=AclAnswer, summary="Who may publish"),
    _route("topics:metrics", "GET", _TOPIC + ":metrics", (SA, PA, PUB),
           metrics.report_topic, answer=MetricList, summary="What was published"),
    _route("topics:show", "GET", _TOPIC, (SA, PA, PUB), topics.show, answer=TopicAnswer, summary="One topic"),
    _route("topics:create", "PUT", _TOPIC, (SA, PA),
           topics.create, body=dict[str, str], answer=TopicAnswer, summary="A new topic"),
    _route("topics:delete", "DELETE", _TOPIC, (SA, PA),
           topics.delete, answer=Empty, summary="Remove a topic and its messages"),
    _route("topics:publish", "POST", _TOPIC + ":publish", (SA, PA, PUB),
           messages.publish, body=PublishRequest, answer=PublishAnswer, summary="Publish messages, all or none"),
    _route("topics:modifyAcl", "POST", _TOPIC + ":modifyAcl", (SA, PA),
           topics.modify_acl, body=AclRequest, answer=Empty, summary="Say who may publish"),
    _route("topics:attachSchema", "POST", _TOPIC + ":attachSchema", (SA, PA),
           topics.attach_schema, body=dict[str, str], answer=Empty, summary="Check messages against a schema"),
    _route("topics:detachSchema", "POST", _TOPIC + ":detachSchema", (SA, PA),
           topics.detach_schema, answer=Empty, summary="Check messages no more"),
    _route("schemas:validateMessage", "POST", _SCHEMA + ":validate", (SA, PA),
           schemas.validate, body=Any, answer=MessageText, summary="Hold a message against a schema"),
    _route("schemas:create", "POST", _SCHEMA, (SA, PA),
           schemas.create, body=SchemaRequest, answer=SchemaAnswer, summary="A new schema"),
    _route("schemas:show", "GET", _SCHEMA, (SA, PA), schemas.show, answer=SchemaAnswer, summary="One schema"),
    _route("schemas:list", "GET", _PROJECT + "/schemas", (SA, PA),
           schemas.list_all, answer=SchemaList, summary="The schemas of a project, the oldest first"),
    _route("schemas:update", "PUT", _SCHEMA, (SA, PA),
           schemas.update, body=SchemaRequest, answer=SchemaAnswer, summary="Change a schema"),
    _route("schemas:delete", "DELETE", _SCHEMA, (SA, PA), schemas.delete, answer=Empty, summary="Remove a schema"),
    _route("version:list", "GET", "/version", None, health.version, answer=VersionAnswer, summary="What runs here"),
)
# fmt: on
