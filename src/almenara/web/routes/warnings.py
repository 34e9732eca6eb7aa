"""Warnings: every message with its life, in full, as it was sent, or as it would be."""

import asyncio
from contextlib import closing
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Body, Depends, Query, Request
from fastapi.responses import Response

from almenara.board.forms import PublicWarning
from almenara.board.message import Reader, describe
from almenara.board.messages import STATES, Message
from almenara.board.subjects import WARNING
from almenara.board.warnings import digest_of, form_of
from almenara.model.cap import Certainty, Severity, Urgency, from_xml
from almenara.model.commands import AnyCommand, decode_command
from almenara.model.errors import UsageError
from almenara.model.events import WarningDrafted
from almenara.pipeline import look
from almenara.service.messages import find_message, last_sent, read_thread
from almenara.service.office import Office
from almenara.service.session import Session
from almenara.stages.public_warnings import orders
from almenara.stages.public_warnings.orders import WarningOrder
from almenara.stages.public_warnings.templates import BY_HAND
from almenara.web.asking import Cursor, Limit, from_cursor, json, office_of, page, to_cursor
from almenara.web.problems import Problem
from almenara.web.security import require

router = APIRouter(tags=["warnings"])

READ = [Depends(require("read"))]
#: Drafts that are looked at for one page when most of them are not what is asked for.
SCANNED_MAX = 2_000
CERTAINTIES = (Certainty.OBSERVED, Certainty.LIKELY, Certainty.POSSIBLE)


@router.get("/warnings", dependencies=READ, summary="Messages, those drafted last first")
async def warnings(
    request: Request,
    state: Annotated[str | None, Query(max_length=20, description=", ".join(STATES))] = None,
    thread: Annotated[str | None, Query(max_length=300, description="A thread or its incident.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """All that were ever drafted, whatever became of them."""
    if state is not None and state not in STATES:
        raise Problem(422, "bad-state", f"state is one of {', '.join(STATES)}.")
    office = office_of(request)
    begin = from_cursor(cursor, int)
    before = begin[0] if begin is not None else None
    found, more = await asyncio.to_thread(_listed, office, state, thread, before, limit)
    forms = await office.ask(
        lambda session: [form_of(one, digest_of(from_xml(one.xml)), session.state) for one in found]
    )
    return page(map(msgspec.json.encode, forms), to_cursor(more) if more is not None else None)


def _listed(
    office: Office, state: str | None, thread: str | None, before: int | None, limit: int
) -> tuple[list[Message], int | None]:
    assert office.history is not None
    drafted = (WarningDrafted.__name__,)
    marks = office.history.marks(WARNING, before=before, kinds=drafted, newest_first=True, limit=SCANNED_MAX)
    threads: dict[str, dict[str, Message]] = {}
    found: list[Message] = []
    with closing(office.open_reader()) as log:
        for mark in marks:
            event = next(event for _, event in office.history.events(log, [mark]))
            assert isinstance(event, WarningDrafted)
            if thread is not None and thread not in (event.thread, event.incident):
                continue
            if event.incident not in threads:
                told = read_thread(office.history, log, event.incident, office.clock())
                threads[event.incident] = {one.identifier: one for one in told}
            message = threads[event.incident][event.identifier]
            if state is None or message.state == state:
                found.append(message)
            if len(found) == limit:
                return found, mark.seq
    return found, marks[-1].seq if len(marks) == SCANNED_MAX else None


@router.get("/warnings/{identifier}", dependencies=READ, summary="A message in full")
async def warning(request: Request, identifier: str) -> Response:
    """Its texts, area, people, life, checks, and what is new against the last one that was sent."""
    office = office_of(request)
    message, before = await _find(office, identifier)
    return json(await _described(office, message, before))


@router.get("/warnings/{identifier}/xml", dependencies=READ, summary="A message byte for byte")
async def xml(request: Request, identifier: str) -> Response:
    """As it was sent; a draft as it would be, not yet signed."""
    message, _ = await _find(office_of(request), identifier)
    headers = {"Content-Disposition": f'inline; filename="{identifier}.xml"'}
    return Response(message.xml, media_type="application/cap+xml", headers=headers)


async def _find(office: Office, identifier: str) -> tuple[Message, bytes | None]:
    assert office.history is not None
    history = office.history

    def read() -> tuple[Message, bytes | None] | None:
        with closing(office.open_reader()) as log:
            found = find_message(history, log, identifier, office.clock())
        return None if found is None else (found[0], last_sent(found[1], identifier))

    found = await asyncio.to_thread(read)
    if found is None:
        raise Problem(404, "unknown", f"There is no warning {identifier!r}.")
    return found


async def _described(office: Office, message: Message, before: bytes | None) -> dict[str, Any]:
    digest = digest_of(from_xml(message.xml))

    def gather(session: Session) -> tuple[PublicWarning, Reader]:
        channels = [item.form for item in office.board.items["channel"].values()]
        carrying = [one.name for one in channels if one.status == office.status and one.state != "paused"]
        can_sign = session.clockwork.sign is not None
        places = office.keeper.places(session.state)
        reader = Reader(session.state.policy, places, office.clock(), can_sign, carrying, before)
        return form_of(message, digest, session.state), reader

    form, reader = await office.ask(gather)
    told = await asyncio.to_thread(describe, form, message, reader)
    return {**told, "xml_url": f"/api/v1/warnings/{message.identifier}/xml"}


@router.post(
    "/warnings/preview",
    dependencies=[Depends(require("draft", "update", "cancel", "all-clear"))],
    summary="A message as it would be drafted",
)
async def preview(
    request: Request,
    body: Annotated[
        dict[str, Any],
        Body(
            description="{statement, area, thread?} or {thread, wording}, or any command that drafts.",
            examples=[{"thread": "incident-fire-a", "wording": {}}],
        ),
    ],
) -> Response:
    """As GET /warnings/{identifier}; nothing is logged."""
    office, by = office_of(request), request.state.principal.name
    command = _drafting(body)

    def compose(session: Session) -> WarningDrafted:
        state = session.state
        now_ms = max(office.clock(), state.now_ms)
        events = orders.order(
            state.warnings, command, by, lambda incident: look(state, incident), now_ms, state.policy, session.words
        )
        drafted = events[0]
        assert isinstance(drafted, WarningDrafted)
        return drafted

    drafted = await office.ask(compose)
    before = await asyncio.to_thread(_before, office, drafted)
    return json(await _described(office, Message(drafted), before))


def _drafting(body: dict[str, Any]) -> WarningOrder:
    named = {"command": "draft" if "statement" in body else "update", **body}
    command: AnyCommand = decode_command(msgspec.json.encode(named))
    if not isinstance(command, WarningOrder) or hasattr(command, "identifier"):
        raise UsageError("Only what drafts a message can be previewed: draft, update, cancel or all-clear.")
    return command


def _before(office: Office, drafted: WarningDrafted) -> bytes | None:
    assert office.history is not None
    with closing(office.open_reader()) as log:
        thread = read_thread(office.history, log, drafted.incident, office.clock())
    return last_sent(thread, drafted.identifier)


@router.get("/templates", dependencies=READ, summary="What a message can be written of, and with which words")
async def templates(request: Request) -> Response:
    """Kinds with their placeholders, languages, and CAP's scales."""
    office = office_of(request)
    words, policy = await office.ask(lambda session: (session.words, session.state.policy))
    kinds = []
    for name, kind in sorted(words.kinds.items()):
        told = {tag: words.hazard(name, tag) for tag in policy.languages}
        texts = [
            text
            for one in told.values()
            for group in (one.description, one.instruction)
            for sentences in group.values()
            for text in sentences
        ]
        kinds.append(
            {
                "kind": name,
                "category": list(kind.category),
                "event": {tag: one.event for tag, one in told.items()},
                "placeholders": sorted(name for name in BY_HAND if any(f"{{{name}}}" in text for text in texts)),
                "urgencies": sorted({urgency for one in told.values() for urgency in one.instruction}),
            }
        )
    return json(
        {
            "kinds": kinds,
            "languages": list(policy.languages),
            "urgency": list(Urgency),
            "severity": list(Severity),
            "certainty": list(CERTAINTIES),
            "expires_h_max": 72,
            "status": {tag: words.language(tag).status.get(policy.status) for tag in policy.languages},
        }
    )
