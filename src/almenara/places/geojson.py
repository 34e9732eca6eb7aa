"""Places from GeoJSON (RFC 7946), one feature at a time so that a bad one costs only itself."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import shapely

from almenara.model.errors import UnreadableInput
from almenara.model.limits import RAW_BYTES_MAX
from almenara.places.assemble import Wishes
from almenara.places.columns import recognise
from almenara.places.features import Features, check_count, objects
from almenara.places.files import parse_crs
from almenara.ports import Rejection


class _Feature(msgspec.Struct):
    type: str = ""
    id: str | int | float | None = None
    properties: dict[str, Any] | None = None
    geometry: msgspec.Raw = msgspec.Raw(b"null")


class _Collection(msgspec.Struct):
    type: str = ""
    features: list[msgspec.Raw] | None = None
    crs: Any = None  # GeoJSON of 2008: still written by many programs
    attribution: Any = None
    license: Any = None


def read_geojson(path: Path, wishes: Wishes) -> Features:
    """All features of the file. Raises UnreadableInput when it is no GeoJSON."""
    data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    items, collection = _items(path, data)
    check_count(path, len(items))
    found: list[_Feature] = []
    lines: list[int] = []
    rejections: list[Rejection] = []
    for line, item in enumerate(items, start=1):
        try:
            feature = msgspec.json.decode(item, type=_Feature)
        except msgspec.DecodeError as error:
            rejections.append(Rejection(line, "not-a-feature", str(error), bytes(item)[:RAW_BYTES_MAX]))
            continue
        if feature.type != "Feature":
            detail = f"its type is “{feature.type[:40]}”"
            rejections.append(Rejection(line, "not-a-feature", detail, bytes(item)[:RAW_BYTES_MAX]))
            continue
        found.append(feature)
        lines.append(line)
    names = list(dict.fromkeys(name for feature in found for name in feature.properties or ()))
    columns = recognise(names, wishes.columns)
    features = Features(
        names=names,
        values={field: [(f.properties or {}).get(column) for f in found] for field, column in columns.items()},
        geometries=_geometries(found),
        lines=np.asarray(lines, dtype=np.int64),
        raw=lambda row: bytes(items[lines[row] - 1]),
        crs=_crs(collection.crs),
        rejections=rejections,
        attribution=next((t for t in (collection.attribution, collection.license) if isinstance(t, str)), ""),
    )
    if "id" not in columns and any(feature.id is not None for feature in found):
        features.values = {**features.values, "id": [feature.id for feature in found]}
    for row, feature in enumerate(found):
        if features.geometries[row] is None and bytes(feature.geometry).strip() != b"null":
            features.problems[row] = ("geometry-unreadable", "its coordinates are not those of its type")
    return features


def _items(path: Path, data: bytes) -> tuple[list[msgspec.Raw], _Collection]:
    try:
        collection = msgspec.json.decode(data, type=_Collection)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableInput(f"{path.name} is no readable GeoJSON: {error}.") from error
    if collection.type == "Feature":
        return [msgspec.Raw(data)], collection
    if collection.type != "FeatureCollection" or collection.features is None:
        raise UnreadableInput(
            f"{path.name} is JSON but no GeoJSON FeatureCollection (its type is “{collection.type[:40]}”): "
            "export it as GeoJSON."
        )
    return collection.features, collection


def _geometries(found: list[_Feature]) -> Any:
    texts = [bytes(feature.geometry).decode() for feature in found]
    return shapely.from_geojson(objects([None if text.strip() == "null" else text for text in texts]), "ignore")


def _crs(member: Any) -> Any:
    name = member.get("properties", {}).get("name") if isinstance(member, dict) else None
    return parse_crs(name if isinstance(name, str) else "OGC:CRS84")
