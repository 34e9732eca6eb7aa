"""Live events: what changes on the board, as server-sent events, from where a screen left off."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from almenara.board import Board, Change
from almenara.board.forms import moment
from almenara.web.asking import office_of
from almenara.web.hub import CLIENTS_MAX, Hub, frame, told_once
from almenara.web.problems import Problem
from almenara.web.security import require, still_in

router = APIRouter(tags=["situation"])

#: Who missed more things than this fetches the situation anew.
REPLAY_MAX = 2_000
#: A connection ends after so long and the browser comes back by itself, which keeps the session in use.
LIFETIME_S = 900.0
RETRY_MS = 1_000
#: How soon who was shut out is told nothing more.
CHECK_S = 10.0


@router.get("/live", dependencies=[Depends(require("read"))], summary="What changes, as it changes")
async def live(
    request: Request,
    after: Annotated[int | None, Query(ge=0, description="The `seq` of the situation that is shown.")] = None,
    last_event_id: Annotated[str | None, Header(description="Sent by the browser when it comes back.")] = None,
) -> Response:
    """Server-sent events (text/event-stream): `hazard`, `incident`, `warning`, `source`, `channel`, `queue`, `places`,
    `clock`, and `reset`: fetch the situation anew."""
    office = office_of(request)
    hub: Hub = request.app.state.hub
    if hub.clients >= CLIENTS_MAX:
        raise Problem(503, "too-many-clients", "Too many screens are connected.", {"Retry-After": "10"})
    since = after
    if last_event_id:
        since = int(last_event_id) if last_event_id.isdigit() and len(last_event_id) < 19 else -1
    principal = request.state.principal
    return _Stream(hub, lambda: begin(office.board, since, office.clock()), lambda: still_in(request, principal))


def begin(board: Board, since: int | None, now_ms: int) -> bytes:
    """What a screen is told first: what it missed, or that it must begin anew."""
    clock = Change("clock", "", board.seq, msgspec.json.encode({"now": moment(now_ms)}))
    head = b"retry: %d\n\n" % RETRY_MS
    if since is None:
        return head + frame(clock)
    changes = board.changes_since(since)
    if changes is None or len(changes) > REPLAY_MAX:
        return head + frame(Change("reset", "", board.seq, b"{}"))
    return head + told_once([*changes, clock])


class _Stream(Response):
    """One screen's connection."""

    def __init__(self, hub: Hub, first: Callable[[], bytes], stays: Callable[[], bool]) -> None:
        super().__init__(media_type="text/event-stream")
        self._hub, self._first, self._stays = hub, first, stays
        del self.headers["content-length"]
        self.headers["cache-control"] = "no-store"
        self.headers["x-accel-buffering"] = "no"  # a front proxy must not gather events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        telling = asyncio.create_task(self._tell(send))
        leaving = asyncio.create_task(_gone(receive))
        self._hub.clients += 1
        try:
            await asyncio.wait((telling, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._hub.clients -= 1
            for task in (telling, leaving):
                task.cancel()
            await asyncio.gather(telling, leaving, return_exceptions=True)

    async def _tell(self, send: Send) -> None:
        hub = self._hub
        place, checked_s = hub.end, time.monotonic()
        await _send(send, self._first())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LIFETIME_S * (0.8 + 0.4 * random.random())):
                while not hub.closed:
                    await hub.news(place)
                    if time.monotonic() - checked_s >= CHECK_S:  # the clock is news every ten seconds at the latest
                        checked_s = time.monotonic()
                        if not self._stays():
                            break
                    data, place = hub.take(place), hub.end
                    await _send(send, data if data is not None else b"event: reset\ndata: {}\n\n")
        await send({"type": "http.response.body", "body": b": come back\n\n", "more_body": False})


async def _send(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
