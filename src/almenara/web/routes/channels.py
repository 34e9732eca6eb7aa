"""Channels: how each does, who has what, and a test of every line."""

import asyncio
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from almenara.board.forms import utc
from almenara.service.session import Session, now_ms
from almenara.service.trial import new_test, records_of, try_channels
from almenara.stages import outbox
from almenara.web.asking import json, office_of, page
from almenara.web.problems import Problem
from almenara.web.security import require

router = APIRouter(tags=["channels"])


@router.get("/channels", dependencies=[Depends(require("read"))], summary="The channels")
async def channels(request: Request) -> Response:
    """Each with its state and its counts."""
    return page([item.data for item in office_of(request).board.items["channel"].values()], None)


@router.get("/channels/{channel}", dependencies=[Depends(require("read"))], summary="A channel and its dead letters")
async def channel(request: Request, channel: str) -> Response:
    """What it could not deliver, by message and recipient."""
    office = office_of(request)
    item = office.board.items["channel"].get(channel)
    if item is None:
        raise Problem(404, "unknown", f"There is no channel {channel!r}.")

    def look(session: Session) -> list[dict[str, Any]]:
        return [
            {
                "identifier": identifier,
                "recipient": recipient,
                "outcome": one.outcome,
                "attempts": one.attempts,
                "detail": one.detail,
                "next": utc(one.next_ms or None),
            }
            for identifier, recipient, one in outbox.dead_letters(session.state.outbox, channel)
        ]

    dead = await office.ask(look)
    return json(item.data[:-1] + b',"dead_letters":' + bytes(json(dead).body) + b"}")


@router.post("/channels/test", dependencies=[Depends(require("channels"))], summary="Test every line")
async def test(request: Request) -> Response:
    """A Test message to every endpoint that is configured for it and to no others; the log keeps what came of it."""
    office = office_of(request)
    policy, words = await office.ask(lambda session: (session.state.policy, session.words))
    message = new_test(policy, now_ms(), words)
    trials = await asyncio.to_thread(try_channels, office.config.channel, office.base, message)
    for record in records_of(trials, message):
        await office.order(record, request.state.principal.name)
    return json({"items": [asdict(trial) for trial in trials]})
