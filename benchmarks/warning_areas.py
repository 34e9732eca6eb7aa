"""How much a warning's area warns without need, against the convex hull and the list of counties.

Seeded fires of 375 m cells near real towns of Ecuador and its neighbours. A town counts as threatened when it lies
within its alert distance of the fire. What has to be warned is the fire widened by that distance, and each threatened
town with its margin; everything else in an area is without need. Where people live is drawn round the towns by their
population.
"""

import math
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from almenara.kernels.place_index import PlaceIndex
from almenara.simulation.synthetic import load_towns
from almenara.stages.public_warnings.area import POINT_MARGIN_M, Target, warning_area
from benchmarks.engines import Bench
from benchmarks.page import Goal, Section, number, table

TITLE = "Warning areas: who is warned without need"

SCENES = {"full": 400, "small": 80, "tiny": 8}
SEED = 11
REGION = (-81.0, -5.0, -75.0, 1.5)  # degrees: towns of Ecuador, northern Peru and southern Colombia
ALERT_M = (1_000.0, 3_000.0, 5_000.0)
CELL_M = 375.0
COUNTY_KM2 = 1_160.0  # as large as a canton of Ecuador is on average
PEOPLE = 200_000  # points that stand for all people of the region
_DEGREE_M = 111_195.0
_geod = pyproj.Geod(ellps="WGS84")


def measure(bench: Bench) -> dict[str, Any]:
    """Each scene's areas by each method: square kilometres and people in them, and how many of both without need."""
    dice = np.random.Generator(np.random.PCG64([SEED, 77]))
    west, south, east, north = REGION
    towns = load_towns()
    near = (towns.lon > west) & (towns.lon < east) & (towns.lat > south) & (towns.lat < north)
    lon, lat, population = towns.lon[near], towns.lat[near], towns.population[near]
    people = _people(lon, lat, population, dice)
    index = PlaceIndex.build(lon, lat)
    counties = _counties(bench.options.get("counties"))
    found: dict[str, list[dict[str, float]]] = {"Almenara": [], "convex hull": [], "counties": []}
    while len(found["Almenara"]) < SCENES[bench.size]:
        alert_m = float(dice.choice(ALERT_M))
        fire = _fire(lon, lat, dice)
        cells = shapely.get_coordinates(shapely.centroid(shapely.get_parts(fire)))
        close = np.unique(index.within(cells[:, 0].copy(), cells[:, 1].copy(), alert_m + CELL_M).place)
        if not len(close):
            continue
        targets: list[Target] = [(lon[i], lat[i], None, alert_m) for i in close]
        needed = _needed(fire, targets, alert_m)
        areas = {
            "Almenara": shapely.union_all([shapely.Polygon(ring) for ring in warning_area(fire, targets)]),
            "convex hull": shapely.convex_hull(needed),
            "counties": shapely.union_all(counties[shapely.STRtree(counties).query(needed, predicate="intersects")]),
        }
        for name, area in areas.items():
            found[name].append(_judged(area, needed, people, float(population.sum()) / PEOPLE))
    return {"scenes": found, "counties": "squares" if bench.options.get("counties") is None else "given"}


def describe(result: dict[str, Any]) -> Section:
    """One table: medians over the scenes, and the sums."""
    rows = []
    for name, scenes in result["scenes"].items():
        beyond = [scene["beyond_km2"] / scene["needed_km2"] for scene in scenes]
        warned, idle = (sum(scene[part] for scene in scenes) for part in ("people", "people_beyond"))
        rows.append(
            [
                name,
                number(statistics.median(scene["area_km2"] for scene in scenes)),
                f"{statistics.median(beyond):.0%}",
                f"{100.0 * idle / max(warned, 1.0):.0f} %",
                str(sum(int(scene["missed"]) for scene in scenes)),
                str(max(int(scene["vertices"]) for scene in scenes)),
            ]
        )
    kind = "squares of 1,160 km²" if result["counties"] == "squares" else "the real ones of a file"
    text = [
        f"{len(result['scenes']['Almenara'])} seeded fires near towns. Counties are {kind}.",
        table(
            [
                "method",
                "area, median km²",
                "beyond need, median",
                "people warned without need",
                "scenes that miss what is needed",
                "vertices, at most",
            ],
            rows,
        ),
    ]
    return Section(text, {})


def goals(_result: dict[str, Any]) -> list[Goal]:
    """None is a number: as little as possible, and never less than is needed."""
    return []


def _fire(lon: NDArray[np.float64], lat: NDArray[np.float64], dice: np.random.Generator) -> BaseGeometry:
    """Cells burnt one after the other beside those that burn, beginning some kilometres from a town."""
    town = int(dice.integers(len(lon)))
    away_m, turn = dice.exponential(3_000.0), dice.uniform(0.0, 2.0 * math.pi)
    burnt, front = {(0, 0)}, [(0, 0)]
    while len(burnt) < min(5 + dice.exponential(60.0), 500.0):
        x, y = front[int(dice.integers(len(front)))]
        step = ((1, 0), (-1, 0), (0, 1), (0, -1))[int(dice.integers(4))]
        cell = (x + step[0], y + step[1])
        if cell not in burnt:
            burnt.add(cell)
            front.append(cell)
    at = np.array(sorted(burnt), float) * CELL_M + away_m * np.array([math.cos(turn), math.sin(turn)])
    per_lon = _DEGREE_M * math.cos(math.radians(lat[town]))
    west, south = lon[town] + at[:, 0] / per_lon, lat[town] + at[:, 1] / _DEGREE_M
    return shapely.MultiPolygon(list(shapely.box(west, south, west + CELL_M / per_lon, south + CELL_M / _DEGREE_M)))


def _needed(fire: BaseGeometry, targets: list[Target], alert_m: float) -> BaseGeometry:
    """The fire widened by the alert distance, and the towns' discs, drawn with many vertices."""
    scale = math.cos(math.radians(targets[0][1]))
    plane = shapely.transform(fire, lambda c: c * [_DEGREE_M * scale, _DEGREE_M])
    discs = [shapely.Point(x * _DEGREE_M * scale, y * _DEGREE_M).buffer(POINT_MARGIN_M) for x, y, _, _ in targets]
    whole = shapely.union_all([shapely.union_all(shapely.get_parts(plane)).buffer(alert_m), *discs])
    return shapely.transform(whole, lambda c: c / [_DEGREE_M * scale, _DEGREE_M])


def _people(
    lon: NDArray[np.float64], lat: NDArray[np.float64], population: NDArray[np.float64], dice: np.random.Generator
) -> BaseGeometry:
    """Points that stand for equally many people each, round the towns they belong to."""
    town = np.repeat(np.arange(len(lon)), dice.multinomial(PEOPLE, population / population.sum()))
    spread_m = 700.0 * np.sqrt(population[town] / (3_000.0 * math.pi)) + 300.0
    y = dice.normal(size=PEOPLE) * spread_m / _DEGREE_M
    x = dice.normal(size=PEOPLE) * spread_m / (_DEGREE_M * np.cos(np.radians(lat[town])))
    return shapely.points(lon[town] + x, lat[town] + y)


def _counties(path: Path | None) -> NDArray[Any]:
    """The polygons of a GeoJSON file, or squares as large as a canton."""
    if path is not None:
        shapes = shapely.get_parts(shapely.from_geojson(path.read_text("utf-8")))
        return np.asarray(shapely.make_valid(shapes))
    west, south, east, north = REGION
    side = math.sqrt(COUNTY_KM2) * 1000.0 / _DEGREE_M
    x, y = np.meshgrid(np.arange(west - side, east + side, side), np.arange(south - side, north + side, side))
    return np.asarray(shapely.box(x.ravel(), y.ravel(), x.ravel() + side, y.ravel() + side))


def _judged(area: BaseGeometry, needed: BaseGeometry, people: Any, each: float) -> dict[str, float]:
    beyond = shapely.difference(area, needed)
    shapely.prepare(area)
    shapely.prepare(needed)
    warned = shapely.intersects(area, people)
    idle = warned & ~shapely.intersects(needed, people)
    return {
        "area_km2": _km2(area),
        "needed_km2": _km2(needed),
        "beyond_km2": _km2(beyond),
        "people": float(warned.sum()) * each,
        "people_beyond": float(idle.sum()) * each,
        # the needed shape is drawn with other corners than the area's: a metre's worth of it is not a miss
        "vertices": float(shapely.get_num_coordinates(area)),
        "missed": float(_km2(shapely.difference(needed, area)) > 1e-3 * _km2(needed)),
    }


def _km2(shape: BaseGeometry) -> float:
    return abs(_geod.geometry_area_perimeter(shapely.orient_polygons(shape))[0]) / 1e6 if not shape.is_empty else 0.0
