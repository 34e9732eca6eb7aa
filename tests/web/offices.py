"""A real office over a small world for the tests of the open routes, and a client that is let in as somebody."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import uvicorn
from fastapi import FastAPI

from almenara.accounts.book import Accounts
from almenara.accounts.roles import Grant
from almenara.config import Config
from almenara.model.events import Event, ObservationsReceived, SourcePolled
from almenara.model.observations import to_ipc
from almenara.service.office import Office
from almenara.service.session import Session
from almenara.web.app import create_app
from almenara.web.records import Records
from tests.stages.tables import MINUTE, detections
from tests.stages.tables import T0 as TABLES_T0

TOWNS = """id,name,kind,population,lon,lat
town-1,Vilcabamba,town,4500,-79.2200,-4.2600
town-2,Malacatos,town,7100,-79.2600,-4.2200
school-1,Escuela Ñandú,school,120,-79.1990,-4.2010
"""
T0 = 1_725_321_600_000  # 2024-09-03


@contextmanager
def office_of(
    tmp_path: Path, *, config: Mapping[str, Any] | None = None, now_ms: int | None = None
) -> Iterator[Office]:
    """An office that runs, with three places and no feeds."""
    (tmp_path / "towns.csv").write_text(TOWNS, encoding="utf-8")
    settings = msgspec.convert({"places": "towns.csv", "timezone": "America/Guayaquil", **(config or {})}, Config)
    office = Office(settings, tmp_path, tmp_path / "state")
    if now_ms is not None:
        office.clock = lambda: now_ms
    ended = threading.Event()
    office.start(lambda changes: None, ended.set)
    try:
        while not office.ready:
            assert not ended.wait(0.01)
        yield office
    finally:
        office.stop()


@contextmanager
def client_of(office: Office, *actions: str) -> Iterator[httpx.Client]:
    """A client with an API key for `actions`, or nobody when there are none."""
    with Accounts(office.folder, office.clock) as accounts:
        if accounts.setup.needed:
            grants = [Grant("administrator")]
            accounts.people.add("admin", by="test", now_ms=T0, password="a long enough passphrase 1", grants=grants)  # noqa: S106
        headers = {}
        if actions:
            key = accounts.api_keys.make("test", actions, area="*", days=9, by="admin", now_ms=office.clock())[1]
            headers["Authorization"] = f"Bearer {key}"
        app = create_app(office, accounts)
        with serving(app) as address, httpx.Client(base_url=address, timeout=30.0, headers=headers) as client:
            yield client
        records: Records | None = getattr(app.state, "records", None)
        if records is not None:
            records.close()


def key_of(client: httpx.Client) -> str:
    """By which name the log knows who calls."""
    return f"api-key/{client.headers['authorization'].split('_')[1]}"


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The application on a real server; its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def happen(office: Office, *events: Event, at_ms: int = T0) -> list[Event]:
    """Have the office take events and follow them."""

    def do(session: Session) -> list[Event]:
        for event in events:
            session.take(event)
        decided = session.step(max(at_ms, session.state.now_ms))
        session.commit()
        return decided

    return office.put(do).result(30.0)


def fires(*rows: Mapping[str, Any], source: str = "firms") -> ObservationsReceived:
    """A batch of detections (tests.stages.tables.detections)."""
    table = to_ipc(detections(rows))
    return ObservationsReceived(source=source, kind="fire", origin="viirs", sha256="", part=0, table=table)


def polled(name: str, outcome: str, at_ms: int) -> SourcePolled:
    """An answer of a feed."""
    return SourcePolled(source="firms", origin=name, at_ms=at_ms, outcome=outcome, read=0, detail="")


def burning(town: str, at_ms: int) -> ObservationsReceived:
    """A fire at one of the places, seen a moment ago."""
    rows = {line.split(",")[0]: line.split(",") for line in TOWNS.splitlines()[1:]}
    lon, lat = float(rows[town][4]), float(rows[town][5])
    minute = at_ms // MINUTE - TABLES_T0 // MINUTE - 5
    return fires(*({"lon": lon + 0.003 * k, "lat": lat, "t": minute, "confidence": 2, "frp": 30.0} for k in range(4)))
