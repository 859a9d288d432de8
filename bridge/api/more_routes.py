"""The routes beyond AMS's 64: seeking, snapshots and ``PATCH`` as Google has them, and bindings as argo-api-authn does.

They stand behind the 64 in match order, so no request that AMS knows can mean one of them.
"""

from __future__ import annotations

from typing import Final

from bridge.api import binding_handlers as bindings
from bridge.api import patch_handlers as patches
from bridge.api import snapshot_handlers as snapshots
from bridge.api.route import ApiRoute
from bridge.api.route_list import ROUTES
from bridge.api.wire import Empty, SubscriptionAnswer, TopicAnswer
from bridge.api.wire_bindings import AuthnBinding, AuthnBindingRequest, AuthnBindings
from bridge.api.wire_patches import SubscriptionPatch, TopicPatch
from bridge.api.wire_snapshots import SeekRequest, SnapshotAnswer, SnapshotNames, SnapshotPage, SnapshotRequest
from broker.access import CONSUMER, PROJECT_ADMIN, SERVICE_ADMIN

_READERS: Final = frozenset({SERVICE_ADMIN, PROJECT_ADMIN, CONSUMER})
_ADMINS: Final = frozenset({SERVICE_ADMIN, PROJECT_ADMIN})
_SUBSCRIPTION: Final = "/projects/{project}/subscriptions/{subscription}"
_TOPIC: Final = "/projects/{project}/topics/{topic}"
_SNAPSHOT: Final = "/projects/{project}/snapshots/{snapshot}"
_BINDERS: Final = frozenset({SERVICE_ADMIN, "argo_api_authn"})
_BINDING: Final = "/bindings/{binding}"
_PAGES: Final = ("pageSize", "pageToken")

# fmt: off
MORE_ROUTES: Final[tuple[ApiRoute, ...]] = (
    ApiRoute(name="subscriptions:patch", method="PATCH", path=_SUBSCRIPTION, roles=_ADMINS,
             handler=patches.patch_subscription, body=SubscriptionPatch, answer=SubscriptionAnswer,
             summary="Change the fields of a subscription that updateMask names"),
    ApiRoute(name="topics:patch", method="PATCH", path=_TOPIC, roles=_ADMINS, handler=patches.patch_topic,
             body=TopicPatch, answer=TopicAnswer, summary="Change the fields of a topic that updateMask names"),
    ApiRoute(name="subscriptions:seek", method="POST", path=_SUBSCRIPTION + ":seek",
             roles=_READERS, handler=snapshots.seek, body=SeekRequest, answer=Empty,
             summary="Move a subscription to a time or a snapshot"),
    ApiRoute(name="snapshots:list", method="GET", path="/projects/{project}/snapshots", roles=_READERS,
             handler=snapshots.list_page, answer=SnapshotPage, query=_PAGES, summary="Snapshots, the youngest first"),
    ApiRoute(name="snapshots:listByTopic", method="GET", path=_TOPIC + "/snapshots",
             roles=_READERS, handler=snapshots.list_of_topic, answer=SnapshotNames,
             summary="The snapshots of a topic"),
    ApiRoute(name="snapshots:show", method="GET", path=_SNAPSHOT, roles=_READERS, handler=snapshots.show,
             answer=SnapshotAnswer, summary="One snapshot"),
    ApiRoute(name="snapshots:create", method="PUT", path=_SNAPSHOT, roles=_READERS, handler=snapshots.create,
             body=SnapshotRequest, answer=SnapshotAnswer, summary="Keep the place of a subscription for a week"),
    ApiRoute(name="snapshots:delete", method="DELETE", path=_SNAPSHOT, roles=_READERS, handler=snapshots.delete,
             answer=Empty, summary="Forget a snapshot"),
    ApiRoute(name="bindings:listByHost", method="GET", path="/service-types/{service_type}/hosts/{host}/bindings",
             roles=_BINDERS, handler=bindings.list_of_host, answer=AuthnBindings, query=("authID",),
             summary="Bindings, or the one of a subject"),
    ApiRoute(name="bindings:list", method="GET", path="/bindings", roles=_BINDERS, handler=bindings.list_all,
             answer=AuthnBindings, summary="Bindings, the oldest first"),
    ApiRoute(name="bindings:show", method="GET", path=_BINDING, roles=_BINDERS, handler=bindings.show,
             answer=AuthnBinding, summary="One binding"),
    ApiRoute(name="bindings:create", method="POST", path=_BINDING, roles=_BINDERS, handler=bindings.create,
             body=AuthnBindingRequest, answer=AuthnBinding, status=201, summary="Bind a certificate to a user"),
    ApiRoute(name="bindings:update", method="PUT", path=_BINDING, roles=_BINDERS, handler=bindings.update,
             body=AuthnBindingRequest, answer=AuthnBinding, summary="Change a binding"),
)
# fmt: on

ALL_ROUTES: Final[tuple[ApiRoute, ...]] = (*ROUTES, *MORE_ROUTES)
