"""A leased delivery as its destination is given it. Pure."""

from __future__ import annotations

from bridge.core.posts import post_from_bytes, trace_of_post
from bridge.destinations.base import Parcel
from broker.model import Leased


def parcel_of(leased: Leased) -> Parcel:
    """A leased delivery as its destination is given it."""
    delivery, new = leased.delivery, leased.delivery.new
    return Parcel(
        id=delivery.id,
        post=post_from_bytes(new.post),
        phase=new.phase,
        order_key=new.order_key,
        rule=new.rule,
        key=new.key,
        incident=new.incident,
        topic=new.topic_uid,
        part=new.part,
        parts=new.parts,
        form=delivery.form,
        earlier=leased.earlier,
        maybe_there=delivery.unclear,
        attempt=delivery.tries + 1,
        created_us=new.created_us,
        places=new.places,
        trace=trace_of_post(new.post),
        leased_us=leased.told_at.wall_us if leased.told_at is not None else 0,
    )
