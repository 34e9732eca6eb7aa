"""The console's files: whole, in part, packed, from nowhere else; and a page that says when there are none."""

from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import Response

from almenara.web.static import console_file
from tests.web.offices import serving


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    built = tmp_path / "console"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_text("<title>console</title>")
    (built / "assets" / "main-BxK3_x2a.js").write_text("let a = 1;")
    (built / "assets" / "main-BxK3_x2a.js.gz").write_bytes(b"packed")
    (built / "base.pmtiles").write_bytes(bytes(range(256)) * 100)
    (tmp_path / "secret.txt").write_text("secret")
    return built


def ask(folder: Path, path: str, **headers: str) -> httpx.Response:
    app = FastAPI()

    @app.get("/console/{path:path}")
    def files(request: Request, path: str) -> Response:
        return console_file(request, path, folder)

    with serving(app) as address:
        plain = {"accept-encoding": "identity"} | {name.replace("_", "-"): value for name, value in headers.items()}
        with httpx.stream("GET", f"{address}/console/{path}", headers=plain) as answer:
            answer._content = b"".join(answer.iter_raw())
            return answer


def test_caching_by_name(folder: Path) -> None:
    hashed = ask(folder, "assets/main-BxK3_x2a.js")
    assert "immutable" in hashed.headers["cache-control"]
    assert hashed.headers["content-type"].startswith("text/javascript")
    page = ask(folder, "")
    assert page.headers["cache-control"] == "no-cache"
    assert page.content == b"<title>console</title>"
    assert ask(folder, "", if_none_match=page.headers["etag"]).status_code == 304
    assert ask(folder, "hazards/fire-1").content == page.content  # an address of the app
    assert ask(folder, "assets/gone-BxK3_x2a.js").status_code == 404


def test_parts_for_pmtiles(folder: Path) -> None:
    part = ask(folder, "base.pmtiles", range="bytes=256-259")
    assert (part.status_code, part.content) == (206, bytes(range(4)))
    assert part.headers["content-range"] == "bytes 256-259/25600"
    assert ask(folder, "base.pmtiles", range="bytes=99999-").status_code == 416


def test_packed_when_it_can_be_unpacked(folder: Path) -> None:
    packed = ask(folder, "assets/main-BxK3_x2a.js", accept_encoding="gzip")
    assert (packed.headers["content-encoding"], packed.content) == ("gzip", b"packed")
    assert packed.headers["content-type"].startswith("text/javascript")
    assert "content-encoding" not in ask(folder, "assets/main-BxK3_x2a.js", accept_encoding="br").headers


@pytest.mark.parametrize("path", ["..%2fsecret.txt", "%2e%2e/secret.txt", "assets/..%2f..%2fsecret.txt", "a%00b.txt"])
def test_nothing_from_beside_the_folder(folder: Path, path: str) -> None:
    answer = ask(folder, path)
    assert b"secret" not in answer.content
    assert answer.status_code == 404


def test_not_built(tmp_path: Path) -> None:
    answer = ask(tmp_path / "none", "")
    assert answer.status_code == 503
    assert b"make console" in answer.content
