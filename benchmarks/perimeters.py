"""How well tracked footprints agree with official perimeters: IoU by date, for any fire that has both.

    python benchmarks/perimeters.py --detections FIRMS.csv --perimeters NIFC.geojson.gz --time-key poly_DateCurrent

Every parameter of the tracker was fixed before this script was written; it tunes nothing. Each official perimeter is
compared with the union of all footprints that touch its neighbourhood, as they stood at its time: as the observations
then acquired would have drawn them, whatever the detections of later days showed.
"""

import argparse
import gzip
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import shapely
from shapely.geometry.base import BaseGeometry

from almenara import intake, sources
from almenara.kernels.outlines import outlines
from almenara.model.events import ObservationsReceived
from almenara.model.observations import from_ipc
from almenara.stages import observations
from almenara.stages.hazards.fire import State

#: Footprints within so many degrees of a perimeter's box are compared with it: spotting counts, other fires do not.
NEIGHBOURHOOD_DEG = 0.05
RECEIVED_MS = 4_102_444_800_000  # 2100: the detections are history


def main() -> None:
    """Read, follow, compare, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detections", type=Path, nargs="+", required=True)
    parser.add_argument("--perimeters", type=Path, required=True)
    parser.add_argument("--time-key", default="poly_DateCurrent", help="property that dates a perimeter")
    parser.add_argument("--json", action="store_true", help="print rows as JSON instead of a table")
    asked = parser.parse_args()
    fires = follow(asked.detections)
    rows = [row for row in compare(fires, read_perimeters(asked.perimeters, asked.time_key)) if row is not None]
    if asked.json:
        json.dump(rows, sys.stdout, indent=1)
        return
    write = sys.stdout.write
    write("| date (UTC) | official km² | tracked km² | IoU | missed | beyond | last pass |\n")
    write("|---|---|---|---|---|---|---|\n")
    for r in rows:
        write(
            f"| {r['time']} | {r['official_km2']:.1f} | {r['tracked_km2']:.1f} | {r['iou']:.3f} "
            f"| {r['missed']:.0%} | {r['beyond']:.0%} | {r['hours_since_pass']:.0f} h before |\n"
        )
    ious = [r["iou"] for r in rows]
    if ious:
        write(
            f"\n{len(ious)} perimeters: median IoU {np.median(ious):.3f}, last {ious[-1]:.3f}, best {max(ious):.3f}\n"
        )


def follow(files: list[Path]) -> State:
    """All fires of the detections."""
    seen, fires, plugins = observations.State(), State(), sources.find_all()
    for path in files:
        for event in intake.read_content(path, plugins, received_ms=RECEIVED_MS, rows_max=100_000):
            if isinstance(event, ObservationsReceived) and event.kind == "fire":
                fires.receive(observations.receive(seen, event.source, "fire", from_ipc(event.table)))
    for at in fires.pending_times().tolist():
        fires.advance(at)
    return fires


def read_perimeters(path: Path, time_key: str) -> list[tuple[datetime, BaseGeometry]]:
    """Dated perimeters of one event, each united with what other incidents of the file last showed before it."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    features: list[dict[str, Any]] = json.loads(data)["features"]
    dated = []
    for feature in features:
        shape = shapely.make_valid(shapely.from_geojson(json.dumps(feature["geometry"])))
        name = feature["properties"].get("poly_IncidentName", "")
        dated.append((datetime.fromisoformat(feature["properties"][time_key]), name, shape))
    newest: dict[str, BaseGeometry] = {}
    found = []
    for time, name, shape in sorted(dated, key=lambda d: d[0]):
        newest[name] = shape
        found.append((time, shapely.union_all(list(newest.values()))))
    return found


def compare(fires: State, perimeters: list[tuple[datetime, BaseGeometry]]) -> list[dict[str, Any] | None]:
    """One row for each perimeter; None where nothing had been detected yet."""
    fire, cell, birth = fires.tracker.footprints()
    passes = np.unique(fires.tracker.detections().t)
    rows: list[dict[str, Any] | None] = []
    for time, official in perimeters:
        minute = int(time.timestamp() // 60)
        known = birth <= minute
        owners, shapes = outlines(fire[known], cell[known])
        west, south, east, north = official.bounds
        near = shapely.box(
            west - NEIGHBOURHOOD_DEG, south - NEIGHBOURHOOD_DEG, east + NEIGHBOURHOOD_DEG, north + NEIGHBOURHOOD_DEG
        )
        mine = shapes[shapely.intersects(shapes, near)] if len(owners) else shapes
        if len(mine) == 0:
            rows.append(None)
            continue
        rows.append(_row(time, official, shapely.union_all(mine), minute - int(passes[passes <= minute].max())))
    return rows


def _row(time: datetime, official: BaseGeometry, tracked: BaseGeometry, minutes: int) -> dict[str, Any]:
    centre = official.centroid
    flat = pyproj.Transformer.from_crs("EPSG:4326", f"+proj=laea +lat_0={centre.y} +lon_0={centre.x}", always_xy=True)
    a, b = (
        shapely.make_valid(shapely.transform(shape, flat.transform, interleaved=False)) for shape in (official, tracked)
    )
    both = a.intersection(b).area
    return {
        "time": f"{time:%Y-%m-%d %H:%M}",
        "official_km2": a.area / 1e6,
        "tracked_km2": b.area / 1e6,
        "iou": both / (a.area + b.area - both),
        "missed": 1.0 - both / a.area,
        "beyond": 1.0 - both / b.area,
        "hours_since_pass": minutes / 60.0,
    }


if __name__ == "__main__":
    main()
