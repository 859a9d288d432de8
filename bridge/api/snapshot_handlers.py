"""Seeking to a time or a snapshot, and the snapshots themselves: what Google's clients of Pub/Sub ask beyond AMS."""

from __future__ import annotations

from bridge.api.api_errors import already_exists, invalid_argument, not_found
from bridge.api.api_times import publish_time, read_rfc3339
from bridge.api.call import Call
from bridge.api.paging import page_of
from bridge.api.request_bodies import read_shape
from bridge.api.wire import Empty
from bridge.api.wire_snapshots import SeekRequest, SnapshotAnswer, SnapshotNames, SnapshotPage, SnapshotRequest
from broker.records import Snapshot, Subscription


async def seek(call: Call) -> Empty:
    """Move a subscription to a time or a snapshot; what was pulled and not acknowledged is open no more."""
    request = await read_shape(call, SeekRequest, "Invalid Seek Arguments")
    subscription = call.subscription()
    if bool(request.time) == bool(request.snapshot):
        raise invalid_argument("Invalid Seek Arguments: either time or snapshot is needed")
    if request.snapshot:
        await _seek_to_snapshot(call, subscription, request.snapshot)
        return Empty()
    time_us = read_rfc3339(request.time)
    if time_us is None:
        raise invalid_argument("Invalid Seek Arguments: time is not in RFC 3339 format, such as 2026-01-03T11:00:00Z")
    await call.broker.seek_to_time(subscription, time_us)
    return Empty()


async def _seek_to_snapshot(call: Call, subscription: Subscription, reference: str) -> None:
    snapshot = call.broker.snapshots.find(call.project, _last_part(call, reference, "snapshots"))
    if snapshot is None:
        raise not_found("Snapshot doesn't exist")
    await call.broker.seek_to_snapshot(subscription, snapshot)


async def create(call: Call) -> SnapshotAnswer:
    """Keep the place of a subscription: what it has acknowledged lies before it."""
    request = await read_shape(call, SnapshotRequest, "Invalid Snapshot Arguments")
    name = _last_part(call, request.subscription, "subscriptions")
    subscription = call.broker.cache.subscription(call.project.uid, name)
    topic = None if subscription is None else call.broker.subscriptions.topic_of(subscription)
    if subscription is None:
        raise not_found("Subscription doesn't exist")
    if topic is None:
        raise not_found("Topic doesn't exist")
    if call.broker.snapshots.find(call.project, call.names["snapshot"]) is not None:
        raise already_exists("Snapshot already exists")
    offsets = await call.broker.offsets(subscription)
    snapshot = await call.broker.snapshots.create(
        call.project,
        call.names["snapshot"],
        topic,
        offsets.current,
        labels=request.labels,
        created_by=call.caller.uid,
    )
    return _answer(call, snapshot)


async def show(call: Call) -> SnapshotAnswer:
    """Show a snapshot of the project by its name."""
    return _answer(call, _snapshot(call))


async def delete(call: Call) -> None:
    """Forget a snapshot."""
    await call.broker.snapshots.delete(_snapshot(call))


async def list_page(call: Call) -> SnapshotPage:
    """The project's snapshots."""
    page = page_of(call, call.broker.snapshots.all(call.project))
    return SnapshotPage([_answer(call, record) for record in page.records], page.next_token)


async def list_of_topic(call: Call) -> SnapshotNames:
    """The names of a topic's snapshots."""
    topic = call.topic()
    snapshots = [snapshot for snapshot in call.broker.snapshots.all(call.project) if snapshot.topic_uid == topic.uid]
    return SnapshotNames([_full_name(call, snapshot.name) for snapshot in snapshots])


def _snapshot(call: Call) -> Snapshot:
    snapshot = call.broker.snapshots.find(call.project, call.names["snapshot"])
    if snapshot is None:
        raise not_found("Snapshot doesn't exist")
    return snapshot


def _last_part(call: Call, reference: str, collection: str) -> str:
    """The short name in ``projects/P/COLLECTION/NAME`` of the path's own project. Raises ApiError."""
    parts = reference.removeprefix("/").split("/")
    if len(parts) != 4 or (parts[0], parts[2]) != ("projects", collection) or parts[1] != call.names["project"]:
        raise invalid_argument(f"{collection} are named projects/{call.names['project']}/{collection}/NAME")
    return parts[3]


def _full_name(call: Call, name: str) -> str:
    return f"projects/{call.names['project']}/snapshots/{name}"


def _answer(call: Call, snapshot: Snapshot) -> SnapshotAnswer:
    return SnapshotAnswer(
        name=_full_name(call, snapshot.name),
        topic=f"projects/{call.names['project']}/topics/{snapshot.topic_name}",
        expire_time=publish_time(snapshot.expires_us),
        labels=dict(snapshot.labels),
    )
