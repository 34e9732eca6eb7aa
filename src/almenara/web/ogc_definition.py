"""The definition of the OGC API in OpenAPI 3.0, as its conformance class oas30 wants it."""

from collections.abc import Sequence
from typing import Any

from almenara.web.ogc import GEOJSON, LIMIT_DEFAULT, LIMIT_MAX

_OBJECT = {"type": "object"}
_STRING = {"type": "string"}


def definition(base: str, title: str, version: str, layers: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The document; `layers` are ids and titles of the collections."""
    paths: dict[str, Any] = {
        "/": {"get": _get("The landing page", "getLandingPage")},
        "/conformance": {"get": _get("What this API conforms to", "getConformance")},
        "/collections": {"get": _get("The collections", "getCollections")},
    }
    for name, words in layers:
        at = f"/collections/{name}"
        paths[at] = {"get": _get(words, f"describe_{name}")}
        paths[f"{at}/items"] = {"get": _get(words, f"get_{name}", ["bbox", "datetime", "limit", "offset"], GEOJSON)}
        one = _get(f"{words}: one", f"get_{name}_item", ["featureId"], GEOJSON)
        one["responses"]["404"] = {"$ref": "#/components/responses/Problem"}
        paths[f"{at}/items/{{featureId}}"] = {"get": one}
    return {
        "openapi": "3.0.3",
        "info": {"title": title, "version": version},
        "servers": [{"url": base}],
        "security": [{"key": []}, {"session": []}],
        "paths": paths,
        "components": {
            "parameters": _PARAMETERS,
            "responses": {
                "Problem": {
                    "description": "What is wrong (RFC 9457)",
                    "content": {"application/problem+json": {"schema": _OBJECT}},
                }
            },
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "almenara_session"},
            },
        },
    }


def _get(words: str, operation: str, parameters: Sequence[str] = (), kind: str = "application/json") -> dict[str, Any]:
    problem = {"$ref": "#/components/responses/Problem"}
    return {
        "summary": words,
        "operationId": operation,
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in parameters],
        "responses": {
            "200": {"description": words, "content": {kind: {"schema": _OBJECT}}},
            "400": problem,
            "401": problem,
            "403": problem,
        },
    }


def _query(name: str, words: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "description": words,
        "required": False,
        "schema": schema,
        "style": "form",
        "explode": False,
    }


_NUMBERS = {"type": "array", "items": {"type": "number"}, "oneOf": [{"minItems": n, "maxItems": n} for n in (4, 6)]}
_PARAMETERS = {
    "bbox": _query("bbox", "West, south, east, north; west > east across the antimeridian.", _NUMBERS),
    "datetime": _query("datetime", "An instant or an interval, RFC 3339; open ends are written as two dots.", _STRING),
    "limit": _query(
        "limit",
        "How many features at most.",
        {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
    ),
    "offset": _query("offset", "How many features to pass over.", {"type": "integer", "minimum": 0, "default": 0}),
    "featureId": {"name": "featureId", "in": "path", "description": "Its id.", "required": True, "schema": _STRING},
}
