"""`almenara compile`: compile the kernels now, so that the first run need not wait."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from almenara.cli._progress import Report, progress_bar

if TYPE_CHECKING:
    from almenara.simulation.synthetic import FirePixels

DAYS = 3.0
PIXELS = 6_000  # spread over so many fires that more places are asked for than one thread takes


def command(quiet: Annotated[bool, typer.Option("--quiet", help="No progress on standard error.")] = False) -> None:
    """Compile the kernels now, so that the first run need not wait.

    Example:  almenara compile

    Follows a small made-up world in memory through all the geometry. The machine code is kept for later runs and made
    anew after an update. Nothing else is written.
    """
    import tempfile
    import time

    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="almenara-") as folder, progress_bar(quiet) as report:
        play(Path(folder), report)
    typer.echo(f"The kernels are compiled ({time.perf_counter() - begun:.0f} s).")


def play(folder: Path, report: Report) -> None:
    """Follow a small world twice: towns as points, then points and outlines with alert distances of their own."""
    import numpy as np

    from almenara.kernels.place_index import PlaceIndex
    from almenara.simulation.synthetic import generate_fires, write_firms_csv

    fires = generate_fires(PIXELS, seed=1, days=DAYS, pixels_a_fire=8.0)
    detections, quakes = folder / "fires.csv", folder / "quakes.geojson"
    write_firms_csv(fires, detections)
    quakes.write_text(_earthquake(fires), encoding="utf-8")
    for number, own_distances in enumerate((False, True)):
        report("Compiling the kernels", number, 3)
        places = folder / f"places-{number}.geojson"
        places.write_text(_places(fires, own_distances=own_distances), encoding="utf-8")
        _follow(detections, quakes, places, int(fires.time_ms.max()))
    report("Compiling the kernels", 2, 3)
    towns = PlaceIndex.build(fires.lon, fires.lat)
    towns.within(fires.lon, fires.lat, 20_000.0, footprint_m=np.full(len(fires), 187.5))
    towns.nearest(fires.lon[:9], fires.lat[:9], k=2)


def _follow(detections: Path, quakes: Path, places: Path, until_ms: int) -> None:
    """Through the live chain, the first half of the detections late; after a restart, one of the next year."""
    from almenara import results
    from almenara.service.live import Desk
    from almenara.service.session import Session
    from almenara.stores.memory import MemoryLog

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
    session.snapshot()
    again = Session(log)
    again.recover()
    last = lines[-1].split(",")
    last[5:7] = "2027-08-01", "00:30"
    detections.write_text("\n".join((head, ",".join(last))), encoding="utf-8")
    Desk(again, {}).deliver("fires", "firms", detections, 1_817_080_200_000)  # half past midnight: old fires are let go
    again.commit()
    results.collect(log, again.state)


def _places(fires: "FirePixels", *, own_distances: bool) -> str:
    """A place beside every 20th detection; with distances of their own, every other one has an outline."""
    import msgspec

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


def _earthquake(fires: "FirePixels") -> str:
    """One strong event amid the first fire, as USGS would report it."""
    import msgspec

    at = int(fires.time_ms[0])
    about = {"mag": 7.0, "time": at, "updated": at, "type": "earthquake", "status": "reviewed", "place": "nowhere"}
    shape = {"type": "Point", "coordinates": [float(fires.lon[0]), float(fires.lat[0]), 10.0]}
    event = {"type": "Feature", "id": "x1", "properties": about, "geometry": shape}
    return msgspec.json.encode({"type": "FeatureCollection", "metadata": {}, "features": [event]}).decode()
