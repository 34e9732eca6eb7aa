"""A script that uses all that Almenara has compiled code for; run with the installed wheel, not with this checkout.

Its argument is a folder to work in. It writes where Almenara was imported from.
"""

import sys
from pathlib import Path

import msgspec
import numpy as np
import shapely

import almenara
from almenara import results
from almenara.service.live import Desk
from almenara.service.session import Session
from almenara.simulation.synthetic import FirePixels, generate_fires, write_firms_csv
from almenara.stores.memory import MemoryLog

DAYS = 3.0
PIXELS = 6_000  # spread over so many fires that more places are asked for than one thread takes


def chain(folder: Path, fires: FirePixels) -> None:
    """Follow a small world twice: towns as points, then points and outlines with alert distances of their own."""
    detections, quakes = folder / "fires.csv", folder / "quakes.geojson"
    quakes.write_text(earthquake(fires), encoding="utf-8")
    for number, own_distances in enumerate((False, True)):
        write_firms_csv(fires, detections)
        places = folder / f"places-{number}.geojson"
        places.write_text(places_beside(fires, own_distances=own_distances), encoding="utf-8")
        follow(detections, quakes, places, int(fires.time_ms.max()))


def follow(detections: Path, quakes: Path, places: Path, until_ms: int) -> None:
    """Through the live chain, the first half of the detections late; after a restart, one of the next year."""
    log = MemoryLog()
    session = Session(log)
    session.start("drill", "Exercise", {})
    session.import_places(str(places), lambda *_: None)
    desk = Desk(session, {})
    head, *lines = detections.read_text(encoding="utf-8").splitlines()
    middle = len(lines) // 2
    reissued = [line.replace("2.0NRT", "2") for line in lines[:middle:50]]
    for rows in (lines[middle:], lines[:middle], reissued):
        detections.write_text("\n".join((head, *rows)), encoding="utf-8")
        desk.deliver("fires", "firms", detections, until_ms)
    desk.deliver("quakes", "usgs_quakes", quakes, until_ms)
    session.commit()
    before = results.collect(log, session.state)
    assert len(before.hazards) > 100
    assert len(before.exposures) > 100
    session.snapshot()
    again = Session(log)
    again.recover()
    last = lines[-1].split(",")
    last[5:7] = "2027-08-01", "00:30"
    detections.write_text("\n".join((head, ",".join(last))), encoding="utf-8")
    Desk(again, {}).deliver("fires", "firms", detections, 1_817_080_200_000)  # half past midnight: old fires are let go
    again.commit()
    assert len(results.collect(log, again.state).hazards) == len(before.hazards) + 1


def places_beside(fires: FirePixels, *, own_distances: bool) -> str:
    """A place beside every 20th detection; with distances of their own, every other one has an outline."""
    features = []
    for number, (lon, lat) in enumerate(zip(fires.lon[::20].tolist(), fires.lat[::20].tolist(), strict=True)):
        west, south = min(lon + 0.001, 179.9), lat + 0.001
        corners = [[0.0, 0.0], [0.01, 0.0], [0.01, 0.01], [0.0, 0.01], [0.0, 0.0]]
        ring = [[west + x, south + y] for x, y in corners]
        outlined = own_distances and number % 2 == 1
        shape = {"type": "Polygon", "coordinates": [ring]} if outlined else {"type": "Point", "coordinates": ring[0]}
        about: dict[str, str | int] = {"name": f"{number}"}
        if own_distances:
            about["alert_distance_m"] = (300, 5_000, 20_000)[number % 3]
        features.append({"type": "Feature", "properties": about, "geometry": shape})
    return msgspec.json.encode({"type": "FeatureCollection", "features": features}).decode()


def earthquake(fires: FirePixels) -> str:
    """One strong event amid the first fire, as USGS would report it."""
    at = int(fires.time_ms[0])
    about = {"mag": 7.0, "time": at, "updated": at, "type": "earthquake", "status": "reviewed", "place": "nowhere"}
    shape = {"type": "Point", "coordinates": [float(fires.lon[0]), float(fires.lat[0]), 10.0]}
    event = {"type": "Feature", "id": "x1", "properties": about, "geometry": shape}
    return msgspec.json.encode({"type": "FeatureCollection", "metadata": {}, "features": [event]}).decode()


def index(folder: Path, fires: FirePixels) -> None:
    """The place index with each kind of place, distance and search, built and opened, in one thread and in many."""
    lon, lat = fires.lon, fires.lat
    own = np.resize([300.0, 5_000.0, 20_000.0], len(lon))
    few, few_own = slice(0, 50), own[:50]
    shapes = np.array(
        [*shapely.points(lon[:25], lat[:25]), *shapely.buffer(shapely.points(lon[25:50], lat[25:50]), 0.01)]
    )
    built = [
        almenara.PlaceIndex.build(lon, lat),
        almenara.PlaceIndex.build(lon.tolist(), lat.tolist(), alert_distance_m=own.tolist(), threads=2),
        almenara.PlaceIndex.build(lon.astype(np.float32), lat.astype(np.float32), alert_distance_m=500),
        almenara.PlaceIndex.build(geometries=shapes, alert_distance_m=few_own),
        almenara.PlaceIndex.build(geometries=shapes[25:]),
        almenara.PlaceIndex.build([], []),
    ]
    for number, made in enumerate(built):
        made.save(folder / f"{number}.places")
        for one in (made, almenara.PlaceIndex.open(folder / f"{number}.places")):
            one.within(lon[0], lat[0])
            one.within(lon[::2], lat[::2])
            for threads in (1, 2):
                one.within(lon, lat, threads=threads)
                one.within(lon, lat, own, footprint_m=own / 100.0, threads=threads)
                one.within_boxes(np.maximum(lon - 0.01, -180.0), lat, lon, lat, 1000, threads=threads)
            one.nearest(lon[few], lat[few])
            one.nearest(lon[few].tolist(), lat[few].tolist(), 3)


def tracker(folder: Path, fires: FirePixels) -> None:
    """The fire tracker as a library: late and repeated batches, columns of several kinds, the past, a file."""
    followed = almenara.FireTracker()
    columns = {"lon": fires.lon, "lat": fires.lat, "time": fires.time_ms}
    half = len(fires.lon) // 2
    for part in (slice(half, None), slice(0, half), slice(0, 100)):
        batch = {name: column[part] for name, column in columns.items()}
        followed.update(batch)
        followed.update({name: column.tolist() for name, column in batch.items()})
    followed.save(folder / "fires")
    again = almenara.FireTracker.open(folder / "fires")
    names = [fire.id for fire in again.hazards()]
    assert len(names) > 100
    for name in names[:20]:
        again.footprint(name)
        again.footprint(name, at=int(fires.time_ms.max()))
        again.lineage(name)
    again.update({"lon": 0.0, "lat": 0.0, "time": "2027-08-01", "frp_mw": 3.0, "version": 2})


if __name__ == "__main__":
    world = generate_fires(PIXELS, seed=1, days=DAYS, pixels_a_fire=8.0)
    chain(Path(sys.argv[1]), world)
    index(Path(sys.argv[1]), world)
    tracker(Path(sys.argv[1]), world)
    sys.stdout.write(str(almenara.__file__))
