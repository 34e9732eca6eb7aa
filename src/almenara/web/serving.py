"""Serving: uvicorn on the main thread, the office beside it, a stop that loses nothing."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec
import uvicorn

from almenara.accounts.book import Accounts
from almenara.accounts.oidc import OidcClient
from almenara.accounts.oidc_settings import read_secret
from almenara.board import Change
from almenara.board.forms import moment
from almenara.model.errors import CommandRefused, UsageError
from almenara.service.office import Office
from almenara.service.session import now_ms
from almenara.web import logs
from almenara.web.app import create_app
from almenara.web.hub import Hub

#: How long open requests may go on after the stop.
GRACE_S = 5
#: How often connected screens are told the time.
BEAT_S = 10.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen, and how."""

    host: str
    port: int
    behind_proxy: bool = False
    tls_cert: Path | None = None
    tls_key: Path | None = None

    @property
    def scheme(self) -> str:
        """Of the addresses that people open."""
        return "https" if self.tls_cert is not None else "http"


def serve(office: Office, address: Address, say: Callable[[str], None], *, json_log: bool = False) -> None:
    """Serve until SIGTERM, SIGINT, or the office's end. Raises what the office failed with."""
    logs.set_up(as_json=json_log)
    with open_accounts(office) as accounts:
        code = accounts.setup.open(accounts.clock())
        if code is not None:
            say(f"setup     code {code}, good for an hour, also in {accounts.setup.path}")
        _run(office, accounts, address, say)


def open_accounts(office: Office) -> Accounts:
    """The accounts beside the log, and the identity provider if one is configured. Raises UsageError."""
    settings = office.config.oidc
    provider = OidcClient(settings, read_secret(settings, office.base)) if settings is not None else None
    return Accounts(office.folder, now_ms, oidc=provider, origin=office.config.origin)


def _run(office: Office, accounts: Accounts, address: Address, say: Callable[[str], None]) -> None:
    app = create_app(office, accounts, tls=address.tls_cert is not None or address.behind_proxy)
    config = uvicorn.Config(
        app,
        host=address.host,
        port=address.port,
        ssl_certfile=address.tls_cert,
        ssl_keyfile=address.tls_key,
        proxy_headers=address.behind_proxy,
        server_header=False,
        date_header=True,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    with closing(_listen(address)) as listening:
        asyncio.run(_serve(_Server(config), listening, office, address, say))


def _listen(address: Address) -> socket.socket:
    """The address taken before anything is begun. Raises UsageError where it cannot be."""
    try:
        family, kind, _, _, where = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(where)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise UsageError(f"{address.host}:{address.port} cannot be listened on: {error.strerror or error}.") from error
    return listening


class _Server(uvicorn.Server):
    """Leaves the signals to us: uvicorn would end the process before the office has stopped."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(
    server: uvicorn.Server,
    listening: socket.socket,
    office: Office,
    address: Address,
    say: Callable[[str], None],
) -> None:
    loop = asyncio.get_running_loop()
    hub: Hub = server.config.app.state.hub  # type: ignore[union-attr]

    def leave() -> None:
        hub.close()
        server.should_exit = True

    def publish(changes: list[Change]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody is left to tell
            loop.call_soon_threadsafe(hub.publish, changes)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, leave)

    def ended() -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(leave)

    office.start(publish, ended)
    beating = asyncio.create_task(_beat(office, hub))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started and not serving.done():
            await asyncio.sleep(0.02)
        if server.started:
            port = listening.getsockname()[1]
            say(f"serving   {address.scheme}://{address.host}:{port}/  ({office.status})")
        await serving
    finally:
        beating.cancel()
        await asyncio.to_thread(office.stop)


async def _beat(office: Office, hub: Hub) -> None:
    """Tell the time, which also shows that the line holds, and draw anew what time alone has changed."""
    while True:
        await asyncio.sleep(BEAT_S)
        now = Change("clock", "", office.board.seq, msgspec.json.encode({"now": moment(office.clock())}))
        hub.publish([now])
        with contextlib.suppress(CommandRefused):  # it is stopping, or very busy
            await office.refresh()
