"""Files that a browser loads: the console, and the public feed."""

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from almenara.web import feeds
from almenara.web.problems import Problem
from almenara.web.static import console_file, console_folder, file_response

PREFIX = ""
router = APIRouter(include_in_schema=False)


@router.get("/console")
async def console() -> Response:
    """The console lies in a folder."""
    return RedirectResponse("/console/", 308)


@router.get("/console/{path:path}")
async def console_files(request: Request, path: str) -> Response:
    """The console's files: they hold nothing that is secret, and signing in needs them."""
    return await asyncio.to_thread(console_file, request, path, console_folder())


@router.get("/feeds/{path:path}")
async def feed(request: Request, path: str) -> Response:
    """The feed's files, as any web server would give them."""
    folder, kind = feeds.folder_of(request.app.state.office), feeds.kind_of(path)
    if folder is None or kind is None or not await asyncio.to_thread((folder / path).is_file):
        raise Problem(404, "unknown", "The feed has no such file, or none yet.")
    return await asyncio.to_thread(file_response, request, folder / path, kind[1], kind[0])
