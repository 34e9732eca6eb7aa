"""A feed's server on this machine: it answers what a test tells it to, with ETags."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Feed:
    """What the server publishes, and the statuses with which it answered."""

    def __init__(self) -> None:
        self.content: bytes | None = b""  # None: the server fails
        self.answers: list[int] = []
        self.url = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        etag = f'"{hashlib.sha256(self.content or b"").hexdigest()}"'
        known = request.headers.get("If-None-Match") == etag
        status = 500 if self.content is None else 304 if known else 200
        body = self.content if status == 200 and self.content is not None else b""
        self.answers.append(status)
        request.send_response(status)
        request.send_header("ETag", etag)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)


@contextmanager
def serving(feed: Feed) -> Iterator[Feed]:
    """The server runs while the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            feed.answer(self)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - as the library has it
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        feed.url = f"http://127.0.0.1:{server.server_port}/firms/current.csv"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield feed
        server.shutdown()
        thread.join()
