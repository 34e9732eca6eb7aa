"""Writes result folders as a run would: a small one with everything in it, a large one, hostile ones."""

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

START = datetime(2024, 11, 9, 6, 0, tzinfo=UTC)
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{0}\u202egpj.exe\x00"

_TOWNS = [
    ("Vilcabamba", "town", 4778, -79.2226, -4.2606),
    ("Malacatos", "town", 7114, -79.2620, -4.2200),
    ("Escuela San Pedro", "school", 212, -79.2145, -4.2490),
    ("Hospital Kokichi Otani", "hospital", None, -79.2215, -4.2640),
    ("Reserva Podocarpus, sector Cajanuma Alto del Nudo", "reserve", None, -79.1800, -4.2300),
    ("Loja", "town", 180617, -79.2042, -3.9931),
]


def iso(time: datetime) -> str:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")


def blob(lon: float, lat: float, km: float, seed: int) -> shapely.Polygon:
    """A lumpy footprint of about `km` radius."""
    rng = np.random.default_rng(seed)
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    reach = km / 111.2 * (1 + 0.25 * np.sin(3 * turn + rng.uniform(0, 6)) + 0.12 * rng.standard_normal(40))
    return shapely.Polygon(
        np.column_stack([lon + reach * np.cos(turn) / math.cos(math.radians(lat)), lat + reach * np.sin(turn)])
    )


@dataclass
class Folder:
    """The contents of a result folder, written by `write`."""

    hazards: list[dict[str, Any]] = field(default_factory=list)
    incidents: list[dict[str, Any]] = field(default_factory=list)
    exposures: list[dict[str, Any]] = field(default_factory=list)
    timeline: list[dict[str, Any]] = field(default_factory=list)
    warnings: dict[str, str] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)

    def hazard(self, identity: str, kind: str, shape: shapely.Geometry, **facts: Any) -> None:
        properties = {
            "id": identity, "kind": kind, "state": "active", "first_seen": iso(START),
            "last_seen": iso(START + timedelta(hours=20)), "area_km2": 1.0, "observations": 5, "merged_from": [],
            "merged_into": None, "confidence": "nominal", "frp_max_mw": 10.0, "persistent": False, "suppressed": None,
            "magnitude": None, "depth_km": None, "label": None, "platforms": ["NOAA-20"],
        } | facts  # fmt: skip
        geometry = json.loads(shapely.to_geojson(shape))
        self.hazards.append({"type": "Feature", "properties": properties, "geometry": geometry})

    def expose(
        self, hazard: str, place: tuple[str, str, int | None, float, float], metres: float, **facts: Any
    ) -> None:
        name, kind, people, lon, lat = place
        self.exposures.append(
            {
                "hazard_id": hazard, "place_id": f"p-{name}", "place_name": name, "place_kind": kind,
                "population": people, "country": "EC", "admin": "Loja", "lon": lon, "lat": lat, "distance_m": metres,
                "since": START + timedelta(hours=3), "until": None, "basis": "observed footprint",
                "certainty": "Observed", "suppressed": None, "mmi": None, "lead_time_h": None, "lead_p80_h": None,
                "lead_p50_h": None, "band": None, "reach_basis": None, "calibrated": None,
            } | facts
        )  # fmt: skip

    def grow(self, hazard: str, steps: int, km2: float) -> None:
        for n in range(steps):
            area = km2 * (n / max(steps - 1, 1)) ** 2
            self.timeline.append(
                {
                    "hazard_id": hazard, "kind": "fire", "time": START + timedelta(minutes=100 * n),
                    "change": "grew" if n else "opened", "state": "active", "area_km2": area, "new_area_km2": area / 9,
                    "observations": 10 * n, "new_observations": 10, "frp_mw": 40.0 + 300 * abs(math.sin(n)),
                    "merged_from": [],
                }
            )  # fmt: skip

    def warn(
        self, number: int, incident: str, polygon: shapely.Polygon, refers: int | None = None, **texts: str
    ) -> None:
        ring = " ".join(f"{lat:.4f},{lon:.4f}" for lon, lat in shapely.get_coordinates(polygon))
        sent = iso(START + timedelta(hours=number)).replace("Z", "-00:00")
        expires = iso(START + timedelta(hours=number + 6)).replace("Z", "-00:00")
        words = {
            "es": ("Incendio forestal cerca de Vilcabamba", "Prepárese para salir y siga las indicaciones."),
            "en": ("Wildfire near Vilcabamba", "Get ready to leave and follow the instructions."),
        }
        infos = "".join(
            f"<info><language>{lang}</language><category>Fire</category><event>Wildfire</event>"
            f"<urgency>Immediate</urgency><severity>Severe</severity><certainty>Observed</certainty>"
            f"<expires>{expires}</expires><headline>{texts.get('headline', headline)}</headline>"
            f"<description>3,2 km², 240 m.</description><instruction>{instruction}</instruction>"
            f"<area><areaDesc>Vilcabamba, Malacatos</areaDesc><polygon>{ring}</polygon></area></info>"
            for lang, (headline, instruction) in words.items()
        )
        references = f"<references>test@example.org,w-{refers},{sent}</references>" if refers is not None else ""
        self.warnings[f"{number:04}.xml"] = (
            '<?xml version="1.0" encoding="UTF-8"?><alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">'
            f"<identifier>w-{number}</identifier><sender>test@example.org</sender><sent>{sent}</sent>"
            f"<status>Exercise</status><msgType>{'Update' if refers is not None else 'Alert'}</msgType>"
            f"<scope>Public</scope>{references}<incidents>{incident}</incidents>{infos}</alert>"
        )

    def write(self, out: Path) -> Path:
        out.mkdir(parents=True, exist_ok=True)
        collection = {"type": "FeatureCollection", "features": self.hazards}
        (out / "hazards.geojson").write_text(json.dumps(collection))
        (out / "incidents.json").write_text(json.dumps(self.incidents))
        (out / "summary.json").write_text(json.dumps(self.summary))
        stamp = pa.timestamp("ms", tz="UTC")
        if self.timeline:
            table = pa.Table.from_pylist(self.timeline)
            at = table.column_names.index("time")
            pq.write_table(table.set_column(at, "time", table.column("time").cast(stamp)), out / "timeline.parquet")
        if self.exposures:
            pq.write_table(pa.Table.from_pylist(self.exposures), out / "exposures.parquet")
        (out / "warnings").mkdir(exist_ok=True)
        for file, text in self.warnings.items():
            (out / "warnings" / file).write_text(text)
        return out


def ecuador(*, status: str = "Exercise", name: str | None = None) -> Folder:
    """Fires and an earthquake in Ecuador, with everything a report can show. `name` replaces outside names."""
    folder = Folder()
    label = name or "1,2 km NO de Vilcabamba, Loja"
    fire = blob(-79.235, -4.252, 1.1, 1)
    folder.hazard("FIRE-1", "fire", fire, area_km2=12.4, frp_max_mw=340.5, label=label, merged_from=["FIRE-9"])
    folder.grow("FIRE-1", 14, 12.4)
    for place, metres in zip(_TOWNS[:5], (240.0, 2900.0, 0.0, 1150.0, 4200.0), strict=True):
        shown = (name or place[0], *place[1:])
        folder.expose("FIRE-1", (str(shown[0]), place[1], place[2], place[3], place[4]), metres)
    rng = np.random.default_rng(7)
    for n in range(2, 60):
        lon, lat = rng.uniform(-80.2, -77.2), rng.uniform(-4.6, 0.6)
        state = ("active", "dormant", "ended")[n % 3]
        km2 = float(rng.uniform(0.2, 9))
        folder.hazard(f"FIRE-{n}", "fire", blob(lon, lat, math.sqrt(km2) / 2, n), state=state, area_km2=km2)
        folder.grow(f"FIRE-{n}", 4, km2)
        folder.expose(f"FIRE-{n}", (f"Caserío {n}", "town", n * 40, lon + 0.01, lat), 700.0 + n)
    folder.hazard("FIRE-V", "fire", blob(-78.34, -1.47, 1, 3), suppressed="volcano", label="Tungurahua")
    rings = [{"mmi": 5, "radius_km": 92.0}, {"mmi": 6, "radius_km": 48.0}, {"mmi": 7, "radius_km": 19.0}]
    folder.hazard(
        "QUAKE-1", "earthquake", shapely.Point(-79.9, 0.35).buffer(0.83), magnitude=7.1, depth_km=20.6, area_km2=None,
        rings=rings, epicentre=[-79.9, 0.35], label="27 km SSE of Muisne, Ecuador", platforms=["us"],
    )  # fmt: skip
    for place, mmi in (
        (("Pedernales", "town", 33640, -80.05, 0.07), 7.2),
        (("Muisne", "town", 8880, -80.02, 0.61), 6.6),
    ):
        folder.expose("QUAKE-1", place, 0.0, basis="estimated intensity", certainty="Likely", mmi=mmi)
    steps = [
        {"time": iso(START), "change": "opened", "detail": "Vilcabamba"},
        {"time": iso(START + timedelta(hours=3)), "change": "priority", "detail": "2 → 1"},
    ]
    folder.incidents = [
        _incident("INC-1", 1, ["distance:0", "population:12104", "places:5", "kind:hospital"], "FIRE-1", 12104),
        _incident("INC-Q", 1, ["mmi:7.2", "population:42520"], "QUAKE-1", 42520) | {"kind": "earthquake"},
    ]
    for incident, called in zip(folder.incidents, (label, "27 km SSE of Muisne"), strict=True):
        incident |= {"label": called, "timeline": list(steps)}
    for n in range(2, 26):
        why = [f"population:{n * 40}", f"distance:{700 + n}"]
        folder.incidents.append(_incident(f"INC-{n}", 2 + n % 3, why, f"FIRE-{n}", n * 40))
    folder.incidents[-1]["status"] = "closed"
    area = shapely.Point(-79.23, -4.25).buffer(0.035, quad_segs=3)
    folder.warn(1, "INC-1", area)
    folder.warn(2, "INC-1", area.buffer(0.01, quad_segs=3), refers=1)
    folder.summary = _summary(status)
    return folder


def _incident(identity: str, priority: int, reasons: list[str], hazard: str, people: int) -> dict[str, Any]:
    return {
        "id": identity, "kind": "fire", "status": "open", "priority": priority, "reasons": reasons,
        "opened": iso(START), "closed": None, "hazards": [hazard], "places": 3, "population": people, "label": None,
        "timeline": [],
    }  # fmt: skip


def _summary(status: str) -> dict[str, Any]:
    counted = {"files": 4, "read": 9120, "accepted": 8800, "superseded": 300, "rejected": 20}
    return {
        "run": {"mode": "drill", "status": status, "inputs": ["feeds"], "places": 542, "started": iso(START)},
        "rows": {
            "read": 11240, "accepted": 10600, "superseded": 420, "rejected": 220,
            "rejected_by_reason": {"latitude-out-of-range": 12, "time-unreadable": 208},
        },
        "sources": [
            {"name": "firms", "outcome": "data"} | counted,
            {"name": "inpe", "files": 1, "read": 0, "accepted": 0, "superseded": 0, "rejected": 0, "outcome": "silent"},
            {"name": "usgs", "files": 1, "read": 31, "accepted": 30, "superseded": 1, "rejected": 0, "outcome": "data"},
        ],
        "seconds": {"intake": 1.23, "hazards": 0.81, "exposure": 0.4},
        "peak_memory_mb": 412.0,
        "state_digest": "9f2c6e1b7a" * 6,
        "attributions": ["NASA FIRMS (LANCE)", "GeoNames, CC BY 4.0", "USGS"],
    }  # fmt: skip


def world(hazards: int) -> Folder:
    """A day of the whole world: many fires near many places."""
    folder = Folder(summary=_summary("Actual"))
    rng = np.random.default_rng(11)
    lons, lats = rng.uniform(-179.9, 179.9, hazards), rng.normal(5, 22, hazards).clip(-55, 70)
    shape = blob(0, 0, 1.0, 5)
    for n, (lon, lat) in enumerate(zip(lons.tolist(), lats.tolist(), strict=True)):
        moved = shapely.transform(shape, lambda xy, at=(lon, lat): xy + np.array(at))
        folder.hazard(f"FIRE-{n}", "fire", moved, area_km2=float(n % 50))
        place = (f"Town {n}", "town", n, lon, lat)
        folder.expose(f"FIRE-{n}", place, float(n % 3000))
    for n in range(0, hazards, 20):
        folder.grow(f"FIRE-{n}", 6, 5.0)
        folder.incidents.append(_incident(f"INC-{n}", 1 + n // 20 % 4, [f"population:{n}"], f"FIRE-{n}", n))
    return folder
