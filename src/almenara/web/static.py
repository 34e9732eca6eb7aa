"""The console's built files: immutable where their name tells their content, packed where a packed one lies beside."""

import re
from importlib import resources
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response

FOLDER = "console"
#: Vite puts a digest of the content into a name: main-BxK3_x2a.js.
_HASHED = re.compile(r"-[A-Za-z0-9_-]{8,}\.[a-z0-9]+$")
_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".pmtiles": "application/vnd.pmtiles",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wav": "audio/wav",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
_PACKED = (("br", ".br"), ("gzip", ".gz"))
NOT_BUILT = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Almenara</title></head>
<body>
<h1>The console is not built</h1>
<p lang="es">La consola no está construida en esta instalación. Todo lo demás funciona: la <a href="/">página
pública</a>, la API, los avisos y los comandos.</p>
<p>The console is not built in this installation. Everything else works: the <a href="/">public page</a>, the API, the
warnings and the commands.</p>
<p>In a checkout with Node: <code>make console</code>. A built wheel has it.</p>
</body>
</html>
"""


def console_folder() -> Path:
    """Where the built console lies, whether it does or not."""
    return Path(str(resources.files("almenara.web"))) / FOLDER


def console_file(request: Request, path: str, folder: Path) -> Response:
    """A file of the console; the page itself for every address of it that is no file."""
    index = folder / "index.html"
    if not index.is_file():
        return Response(NOT_BUILT, 503, {"Cache-Control": "no-store"}, "text/html; charset=utf-8")
    found = _found(folder, path)
    if found is None:
        if "." in path.rpartition("/")[2]:
            return Response("There is no such file.", 404, {"Cache-Control": "no-store"}, "text/plain; charset=utf-8")
        found = index
    return file_response(request, found, "public, max-age=31536000, immutable" if _HASHED.search(found.name) else None)


def file_response(request: Request, file: Path, caching: str | None, kind: str | None = None) -> Response:
    """A file, whole, in part (Range) or not at all (If-None-Match), packed for those who can unpack it."""
    headers = {"Cache-Control": caching or "no-cache"}
    media_type = kind or _KINDS.get(file.suffix.lower(), "application/octet-stream")
    accepted = request.headers.get("accept-encoding", "")
    packed = next(
        (
            (encoding, beside)
            for encoding, suffix in _PACKED
            if encoding in accepted and (beside := file.with_name(file.name + suffix)).is_file()
        ),
        None,
    )
    if packed is not None and "range" not in request.headers:
        headers |= {"Content-Encoding": packed[0], "Vary": "Accept-Encoding"}
        file = packed[1]
    response = FileResponse(file, headers=headers, media_type=media_type, stat_result=file.stat())
    if response.headers["etag"] in request.headers.get("if-none-match", "") and "range" not in request.headers:
        kept = {name: response.headers[name] for name in ("etag", "cache-control")}
        return Response(status_code=304, headers=kept)
    return response


def _found(folder: Path, path: str) -> Path | None:
    """A file below a folder and nowhere else; None when there is none."""
    if "\0" in path:
        return None
    file = (folder / path).resolve()
    return file if file.is_relative_to(folder.resolve()) and file.is_file() else None
