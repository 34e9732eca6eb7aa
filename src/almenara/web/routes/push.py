"""Web Push from the public page: whoever opens it may subscribe and unsubscribe, without an account, within bounds."""

import asyncio
import base64
from typing import Any

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import APIRouter, Request
from fastapi.responses import Response

from almenara.channels._subscriptions import Subscription, SubscriptionFile
from almenara.channels.webpush import Options, subscriptions_of, vapid_key
from almenara.config import ChannelConfig
from almenara.model.errors import CommandRefused, UsageError
from almenara.service.office import Office
from almenara.web.problems import Problem
from almenara.web.throttle import Throttle

router = APIRouter(tags=["push"])

#: A subscription has some 500 bytes.
BODY_BYTES_MAX = 4_096
#: From one address, and from all together: a town behind one address may subscribe, a flood may not.
PER_ADDRESS = (20, 600.0)  # times, in seconds
FROM_ALL = (2_000, 600.0)


@router.get("/push/key", summary="How a browser subscribes")
async def push(request: Request) -> dict[str, Any]:
    """The key that a browser asks its push service with; null when warnings do not leave by Web Push."""
    office: Office = request.app.state.office
    channel = channel_of(office)
    if channel is None:
        return {"public_key": None}
    options = msgspec.convert(channel.options, Options)
    vapid = vapid_key(options, office.base, f"Channel {channel.name} (webpush)")
    point = vapid.public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return {"public_key": base64.urlsafe_b64encode(point).rstrip(b"=").decode()}


@router.post("/push/subscriptions", status_code=201, summary="Subscribe a browser")
async def subscribe(request: Request) -> Response:
    """The body is what the browser's `PushSubscription.toJSON()` gives. 200 when it was there already."""
    file, subscription = await _asked(request)
    try:
        new = await asyncio.to_thread(file.add, subscription)
    except CommandRefused as error:
        raise Problem(503, error.reason, str(error)) from error
    except UsageError as error:
        raise Problem(422, "unusable-subscription", "No push service that is known here gave this.") from error
    return Response(status_code=201 if new else 200)


@router.delete("/push/subscriptions", status_code=204, summary="Unsubscribe a browser")
async def unsubscribe(request: Request) -> Response:
    """The body is the subscription again: who knows its address may end it. It is done when it returns."""
    file, subscription = await _asked(request)
    await asyncio.to_thread(file.remove, subscription.endpoint)
    return Response(status_code=204)


def channel_of(office: Office) -> ChannelConfig | None:
    """The channel that carries what is sent here to browsers; None when there is none."""
    found = (c for c in office.config.channel if c.plugin == "webpush" and c.status == office.status)
    return next(found, None)


async def _asked(request: Request) -> tuple[SubscriptionFile, Subscription]:
    office: Office = request.app.state.office
    channel = channel_of(office)
    if channel is None:
        raise Problem(404, "no-push", "Warnings do not leave by Web Push here.")
    _throttle(request)
    taken = b""
    async for piece in request.stream():
        taken += piece
        if len(taken) > BODY_BYTES_MAX:
            raise Problem(413, "body-too-large", f"A subscription has at most {BODY_BYTES_MAX:,} bytes.")
    try:
        subscription = msgspec.json.decode(taken, type=Subscription)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(422, "invalid-request", f"That is no subscription: {error}") from error
    return subscriptions_of(channel.name, msgspec.convert(channel.options, Options), office.base), subscription


def _throttle(request: Request) -> None:
    state = request.app.state
    if not hasattr(state, "push_throttles"):
        state.push_throttles = Throttle(*PER_ADDRESS), Throttle(*FROM_ALL)
    each, everyone = state.push_throttles
    address = request.client.host if request.client is not None else ""
    wait_s = max(each.wait_s(address), everyone.wait_s(""))
    if wait_s > 0:
        raise Problem(429, "too-many", "Too many at once: try again later.", {"Retry-After": str(int(wait_s) + 1)})
