"""The web side of `almenara serve`: HTTP API, live events, public page and the console's files."""

from typing import Any

from almenara.web.app import create_app as create_app


def openapi_schema() -> dict[str, Any]:
    """The API's description (OpenAPI 3.1), without a service behind it."""
    return create_app(None, None).openapi()
