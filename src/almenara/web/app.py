"""The web application: every module of `routes` found and hung in its place, behind one set of headers and bounds."""

import importlib
import pkgutil

from fastapi import FastAPI

from almenara import __version__
from almenara.accounts.book import Accounts
from almenara.service.office import Office
from almenara.web import problems, routes, security
from almenara.web.guard import Guard
from almenara.web.hub import Hub
from almenara.web.logs import Logged
from almenara.web.metrics import Measured, Metrics

PREFIX = "/api/v1"


def create_app(office: Office | None, accounts: Accounts | None, *, tls: bool = False) -> FastAPI:
    """The application over an office and its accounts (None: only its description is asked for)."""
    app = FastAPI(
        title="Almenara",
        version=__version__,
        summary="Hazard early warning: what is happening, what is threatened, what is said to the public.",
        openapi_url=None,  # served by `security`, to those who may read
        docs_url=None,  # the pages that FastAPI has load scripts from elsewhere
        redoc_url=None,
    )
    app.state.office = office
    app.state.accounts = accounts
    app.state.hub = Hub()
    problems.install(app)
    for module in sorted(pkgutil.iter_modules(routes.__path__), key=lambda m: m.name):
        if not module.name.startswith("_"):
            loaded = importlib.import_module(f"{routes.__name__}.{module.name}")
            app.include_router(loaded.router, prefix=getattr(loaded, "PREFIX", PREFIX))
    security.install(app)
    if office is not None:
        app.state.metrics = Metrics(office, app.state.hub)
        app.add_middleware(Measured, metrics=app.state.metrics)
    app.add_middleware(Guard, tls=tls)
    app.add_middleware(Logged)
    return app
