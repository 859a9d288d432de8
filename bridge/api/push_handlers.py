"""Changing how a subscription pushes, and proving that its endpoint wants the messages (ams-api.md 8.2 and 8.3)."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from bridge.api.api_errors import ApiError, conflict, unauthorized
from bridge.api.call import Call, Unreachable
from bridge.api.push_config import asks_for_pull, change_push_config
from bridge.api.push_worker import acl_with_worker, check_push_possible, let_worker_in
from bridge.api.request_bodies import read_shape
from bridge.api.wire import SubscriptionRequest
from broker.records import PushConfig, Subscription


async def modify(call: Call) -> None:
    """Replace the push configuration; nothing in it means pull from now on."""
    request = (await read_shape(call, SubscriptionRequest, "Invalid Subscription Arguments")).push_config
    subscription = call.subscription()
    if not asks_for_pull(request):
        check_push_possible(call.api)

    def edit(current: Subscription) -> Subscription:
        push = PushConfig()
        if not asks_for_pull(request):
            push = change_push_config(request, current.push, call.broker.entropy)
        return msgspec.structs.replace(current, push=push, acl=acl_with_worker(call.api, push, current.acl))

    changed = await call.broker.subscriptions.change(subscription, edit)
    await let_worker_in(call.api, call.project, changed.push)


async def verify(call: Call) -> None:
    """Ask the endpoint for the verification hash; once it has given it, pushing begins."""
    check_push_possible(call.api)
    subscription = call.subscription()
    push = subscription.push
    if push.type != "http_endpoint":
        raise conflict("Subscription is not in http push mode")
    if push.verified:
        raise conflict("Push endpoint is already verified")
    try:
        fetched = await call.api.outside.fetch(verification_url(push.endpoint))
    except Unreachable as why:
        raise _verification_error(str(why)) from why
    if fetched.status != 200:
        raise _verification_error("Wrong response status code")
    if fetched.body != push.verification_hash.encode():
        raise _verification_error("Wrong verification hash")

    def edit(current: Subscription) -> Subscription:
        if current.push.verification_hash != push.verification_hash:
            raise _verification_error("Wrong verification hash")  # the endpoint was changed while the old one was asked
        verified = msgspec.structs.replace(current.push, verified=True)
        return msgspec.structs.replace(current, push=verified, acl=acl_with_worker(call.api, verified, current.acl))

    changed = await call.broker.subscriptions.change(subscription, edit)
    await let_worker_in(call.api, call.project, changed.push)


def verification_url(endpoint: str) -> str:
    """Where an endpoint keeps its hash: scheme, host and port of the endpoint, nothing else of it (D22)."""
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/ams_verification_hash"


def _verification_error(why: str) -> ApiError:
    return unauthorized(f"Endpoint verification failed.{why}")
