"""The application with its accounts and a real log, and browsers and programs that knock: for tests of the door."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import uvicorn
from fastapi import FastAPI

from almenara.accounts.book import Accounts
from almenara.accounts.oidc import OidcClient
from almenara.board.subjects import subjects
from almenara.model.events import Audited, Event
from almenara.ports import EventLog
from almenara.service.history import History
from almenara.service.office import Office
from almenara.stores import open_log
from almenara.web.app import create_app
from tests.accounts.bench import PASSWORD, Time, open_book, populate

ORIGIN = "https://alerts.example"


class Desk:
    """What the door needs of an `Office`: a log, its index and the time; no feeds, no chain."""

    ready = True
    stage = "running"

    def __init__(self, folder: Path, clock: Time) -> None:
        self.folder, self.clock = folder, clock
        self._log = open_log(folder)
        self.history = History(folder, self._log)

    def mode(self) -> dict[str, Any]:
        return {"status": "Test", "drill": None, "now": "2024-09-03T00:00:00Z", "timezone": None, "sender": None}

    async def note(self, event: Event) -> None:
        seq = self._log.append([event], self.clock())
        self.history.follow([(seq, event, subjects(event))], self._log)

    def open_reader(self) -> EventLog:
        return open_log(self.folder, readonly=True)

    def audited(self) -> list[Audited]:
        return [event for entry in self._log.read() if isinstance(event := entry.event(), Audited)]

    def close(self) -> None:
        self.history.close()
        self._log.close()


class Door:
    """The application on a loop of its own."""

    def __init__(self, folder: Path, *, populated: bool = True, oidc: OidcClient | None = None) -> None:
        self.time = Time()
        self.desk = Desk(folder, self.time)
        self.accounts: Accounts = open_book(folder, self.time, oidc=oidc)
        if populated:
            populate(self.accounts)
        self.app: FastAPI = create_app(cast(Office, self.desk), self.accounts, tls=True)
        self._runner = asyncio.Runner()

    def browser(self, address: str = "192.0.2.1", base: str = ORIGIN) -> "Browser":
        return Browser(self, address, base)

    def signed_in(self, name: str) -> "Browser":
        browser = self.browser()
        browser.sign_in(name)
        return browser

    def key(self, *scopes: str, area: str = "*", days: int = 30) -> dict[str, str]:
        """The header of a new API key."""
        _, text = self.accounts.api_keys.make(
            "test", scopes, area=area, days=days, by="root", now_ms=self.accounts.clock()
        )
        return {"Authorization": f"Bearer {text}"}

    def run(self, work: Any) -> Any:
        return self._runner.run(work)

    def audited(self) -> list[tuple[str, str, str, str]]:
        """(by, action, subject, outcome) of everything in the log, after what waits was carried there."""

        async def settle() -> None:
            desk = getattr(self.app.state, "audit_desk", None)
            if desk is not None:
                await desk.settle()

        self.run(settle())
        return [(event.by, event.action, event.subject, event.outcome) for event in self.desk.audited()]

    def close(self) -> None:
        self.audited()
        self._runner.close()
        self.accounts.close()
        self.desk.close()


@contextmanager
def opened(folder: Path, *, populated: bool = True, oidc: OidcClient | None = None) -> Iterator[Door]:
    door = Door(folder, populated=populated, oidc=oidc)
    try:
        yield door
    finally:
        door.close()


@contextmanager
def served(app: FastAPI) -> Iterator[int]:
    """An application on a port of this machine, while the block lasts."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        deadline = time.monotonic() + 10
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        try:
            yield int(listening.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(10)


class Browser:
    """Sends what a browser would with a page of ours: its cookies, the Origin, the token that the page was given."""

    def __init__(self, door: Door, address: str, base: str) -> None:
        self._door = door
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(door.app, raise_app_exceptions=False, client=(address, 50_000)),
            base_url=base,
        )
        self.origin: str | None = base
        self.csrf: str | None = None

    @property
    def cookies(self) -> httpx.Cookies:
        return self._client.cookies

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = dict(options.pop("headers", {}))
        if method not in ("GET", "HEAD"):
            if self.origin is not None:
                headers.setdefault("Origin", self.origin)
            if self.csrf is not None:
                headers.setdefault("X-CSRF-Token", self.csrf)
        answer: httpx.Response = self._door.run(self._client.request(method, path, headers=headers, **options))
        return answer

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.send("GET", f"/api/v1{path}", **options)

    def post(self, path: str, json: object = None, **options: Any) -> httpx.Response:
        return self.send("POST", f"/api/v1{path}", json=json, **options)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        return self.send("DELETE", f"/api/v1{path}", **options)

    def try_to_sign_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        answer = self.post("/session", {"name": name, "password": password})
        if answer.status_code == 200:
            self.csrf = answer.json()["csrf"]
        return answer

    def sign_in(self, name: str, password: str = PASSWORD) -> dict[str, Any]:
        answer = self.try_to_sign_in(name, password)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())
