"""A small world of feed files round Vilcabamba and off Pedernales, for replays of a second or two."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from almenara.simulation import feeds
from almenara.simulation.quakes import Quake, Revision, all_day_geojson
from almenara.simulation.satellites import Detections

PLACES = "geonames:EC"
BEGIN = datetime(2024, 9, 3, tzinfo=UTC)
HOUR_MS = 3_600_000
#: (name of the satellite's number in simulation.satellites, hours of the day at which it passes)
PASSES = ((0, (6.55, 18.2)), (1, (7.4, 19.05)))
#: Two fires that meet on the third day between San Pedro de Vilcabamba and Vilcabamba: lon, lat, metres a day.
FIRES = ((-79.2216, -4.2440, 450.0), (-79.2224, -4.2640, 500.0))
#: A flame far from any town.
LONELY = (-79.05, -4.75, 150.0)


def hour_ms(hours: float, begin: datetime = BEGIN) -> int:
    """A time of the world."""
    return int((begin + timedelta(hours=hours)).timestamp()) * 1000


def burning(days: int = 3, seed: int = 5, begin: datetime = BEGIN) -> Detections:
    """What VIIRS saw: every fire at every pass, its pixels within a circle that grows."""
    rng = np.random.Generator(np.random.PCG64(seed))
    parts = []
    for day in range(days):
        for satellite, hours in PASSES:
            for hour in hours:
                at_ms = hour_ms(24 * day + hour, begin) // 60_000 * 60_000
                for lon, lat, growth_m in (*FIRES, LONELY):
                    radius_m = growth_m * (day + hour / 24) + 100.0
                    parts.append(_look(rng, satellite, at_ms, lon, lat, radius_m, 3 + 3 * day))
    return Detections.join(parts)


def _look(
    rng: np.random.Generator, satellite: int, at_ms: int, lon: float, lat: float, radius_m: float, n: int
) -> Detections:
    angle, away = 2 * np.pi * rng.random(n), radius_m * np.sqrt(rng.random(n))
    return Detections(
        satellite=np.full(n, satellite),
        time_ms=np.full(n, at_ms),
        lon=np.round(lon + away * np.cos(angle) / 111_000.0, 5),
        lat=np.round(lat + away * np.sin(angle) / 110_574.0, 5),
        scan_km=np.full(n, 0.44),
        track_km=np.full(n, 0.42),
        frp_mw=np.round(3.0 + 9.0 * rng.random(n), 2),
        bright_k=np.full(n, 331.5),
        far_k=np.full(n, 291.4),
        confidence=rng.choice([10, 50, 90], n, p=[0.1, 0.7, 0.2]),
        day=np.full(n, at_ms % 86_400_000 > 43_200_000),
        source=np.zeros(n, np.int64),
    )


def quakes(begin: datetime = BEGIN) -> list[Quake]:
    """A foreshock, a great shock revised upwards with its aftershock, one that is withdrawn, and a quarry blast."""

    def at(hours: float) -> int:
        return hour_ms(hours, begin)

    great = (Revision(at(30.1), 6.4, 10.0), Revision(at(30.5), 7.0, 18.6, "reviewed", "mww", 117))
    return [
        Quake("6000a001", -80.188, 0.121, at(29.0), "15 km W of Pedernales, Ecuador", (Revision(at(29.2), 5.2, 12.0),)),
        Quake("6000a002", -80.214, 0.143, at(30.0), "20 km W of Pedernales, Ecuador", great),
        Quake("6000a003", -80.15, 0.09, at(34.0), "11 km W of Pedernales, Ecuador", (Revision(at(34.3), 5.9, 9.0),)),
        Quake(
            "6000a004",
            -79.702,
            1.204,
            at(31.0),
            "27 km N of Esmeraldas, Ecuador",
            (Revision(at(31.1), 5.9, 10.0), Revision(at(32.0), 5.9, 10.0, "deleted")),
        ),
        Quake(
            "6000a005",
            -78.714,
            -0.861,
            at(20.0),
            "14 km NW of Latacunga, Ecuador",
            (Revision(at(20.2), 3.9, 0.0),),
            kind="quarry blast",
        ),
    ]


def write_feeds(folder: Path, *, days: int = 3, begin: datetime = BEGIN) -> list[Path]:
    """The world as files, in the order in which they would come: daily texts, current CSVs, quakes, a reissue."""
    folder.mkdir(parents=True, exist_ok=True)
    seen = burning(days, begin=begin)
    files = []
    for day in range(days):
        until = hour_ms(24 * (day + 1), begin)
        today = (seen.time_ms >= until - 24 * HOUR_MS) & (seen.time_ms < until)
        files += [
            _put(folder / f"SUOMI_VIIRS_{day}.txt", feeds.daily_text(seen.pick(today & (seen.satellite == 0)))),
            _put(folder / f"J1_VIIRS_{day}.csv", feeds.current_csv(seen.pick(today & (seen.satellite == 1)), "VIIRS")),
        ]
        for hours in (6, 30) if day == 1 else ():
            text = all_day_geojson(quakes(begin), hour_ms(24 + hours - 23.7, begin) + HOUR_MS // 4)
            files.append(_put(folder / f"all_day_{hours}.geojson", text))
    files.append(_put(folder / "all_day_last.geojson", all_day_geojson(quakes(begin), hour_ms(44.0, begin))))
    first = seen.pick((seen.time_ms < hour_ms(24, begin)) & (seen.satellite == 0))
    first.frp_mw[:] += 0.5
    heat = {0: 0}
    files.append(_put(folder / "fire_archive_SV-C2_1.csv", feeds.archive_csv(first, "2", heat)))
    broken = feeds.break_rows(feeds.current_csv(seen.pick(seen.time_ms < hour_ms(8, begin)), "VIIRS"))
    files.append(_put(folder / "broken.csv", broken))
    return files


def _put(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def places_file(folder: Path, towns: list[tuple[str, float, float]]) -> Path:
    """Places of one's own as GeoJSON."""
    features = [
        {
            "type": "Feature",
            "properties": {"id": name, "name": name, "population": 1200},
            "geometry": {"type": "Point", "coordinates": [lon, lat]},
        }
        for name, lon, lat in towns
    ]
    path = folder / "places.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path
