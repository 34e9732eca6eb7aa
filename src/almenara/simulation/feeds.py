"""The forms in which FIRMS and INPE publish, written from detections, whole and as the real ones sometimes break."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

from almenara.simulation.satellites import SATELLITES, Detections, Satellite

_VIIRS_WORDS = ("low", "nominal", "high")
_VIIRS_LETTERS = ("l", "n", "h")
_INPE_HEADER = (
    "id,lat,lon,data_hora_gmt,satelite,municipio,estado,pais,municipio_id,estado_id,pais_id,"
    "numero_dias_sem_chuva,precipitacao,risco_fogo,bioma,frp\n"
)


def daily_text(rows: Detections) -> str:
    """FIRMS' daily text: 13 columns, no `instrument`, `acq_time` as HH:MM, confidence in words."""
    lines = [
        "latitude,longitude,bright_ti4,scan,track,acq_date,acq_time,satellite,confidence,version,bright_ti5,frp,daynight"
    ]
    for i in range(len(rows)):
        when = _when(rows, i)
        code = {"N20": "1"}.get(_satellite(rows, i).code, _satellite(rows, i).code)
        lines.append(
            f"{_head(rows, i)},{when:%Y-%m-%d,%H:%M},{code},{_VIIRS_WORDS[_class(rows, i)]},2.0NRT,{_tail(rows, i)}"
        )
    return "\n".join(lines) + "\n"


def current_csv(rows: Detections, instrument: str) -> str:
    """FIRMS' present CSV: `instrument` and `version`, `acq_time` as unpadded HMM; VIIRS l/n/h, MODIS 0–100."""
    viirs = instrument == "VIIRS"
    hot, cool, version = ("bright_ti4", "bright_ti5", "2.0NRT") if viirs else ("brightness", "bright_t31", "6.1NRT")
    lines = [
        f"latitude,longitude,{hot},scan,track,acq_date,acq_time,satellite,instrument,confidence,version,{cool},frp,daynight"
    ]
    for i in range(len(rows)):
        when = _when(rows, i)
        sure = _VIIRS_LETTERS[_class(rows, i)] if viirs else str(rows.confidence[i])
        lines.append(
            f"{_head(rows, i)},{when:%Y-%m-%d},{when.hour * 100 + when.minute},{_satellite(rows, i).code},"
            f"{instrument},{sure},{version},{_tail(rows, i)}"
        )
    return "\n".join(lines) + "\n"


def archive_csv(rows: Detections, version: str, heat_class: dict[int, int] | None = None) -> str:
    """FIRMS' download form for VIIRS: `brightness`/`bright_t31`, HHMM; `type` in the science archive.

    `heat_class` gives that type for each source of heat; without it the column is left out, as in NRT downloads.
    """
    header = "latitude,longitude,brightness,scan,track,acq_date,acq_time,satellite,instrument,confidence,version,"
    lines = [header + "bright_t31,frp,daynight" + ("" if heat_class is None else ",type")]
    for i in range(len(rows)):
        kind = "" if heat_class is None else f",{heat_class[int(rows.source[i])]}"
        lines.append(
            f"{_head(rows, i)},{_when(rows, i):%Y-%m-%d,%H%M},{_satellite(rows, i).code},VIIRS,"
            f"{_VIIRS_LETTERS[_class(rows, i)]},{version},{_tail(rows, i)}{kind}"
        )
    return "\n".join(lines) + "\n"


def geojson(rows: Detections) -> str:
    """The 24-hour feed as GeoJSON, all properties as text."""
    features = []
    for i in range(len(rows)):
        when = _when(rows, i)
        viirs = _satellite(rows, i).instrument == "VIIRS"
        features.append(
            {
                "geometry": {"coordinates": [float(rows.lon[i]), float(rows.lat[i])], "type": "Point"},
                "properties": {
                    "acq_date": f"{when:%Y-%m-%d}",
                    "acq_time": f"{when:%H%M}",
                    "bright_ti4" if viirs else "brightness": _number(rows.bright_k[i]),
                    "bright_ti5" if viirs else "bright_t31": _number(rows.far_k[i]),
                    "confidence": _VIIRS_WORDS[_class(rows, i)] if viirs else str(rows.confidence[i]),
                    "daynight": "D" if rows.day[i] else "N",
                    "frp": _number(rows.frp_mw[i]),
                    "latitude": _number(rows.lat[i], 5),
                    "longitude": _number(rows.lon[i], 5),
                    "satellite": _satellite(rows, i).code,
                    "scan": _number(rows.scan_km[i]),
                    "track": _number(rows.track_km[i]),
                    "version": "2.0NRT" if viirs else "6.1NRT",
                },
                "type": "Feature",
            }
        )
    return json.dumps({"features": features, "type": "FeatureCollection"}, indent=2) + "\n"


def inpe_csv() -> str:
    """INPE's focos of the day, when there are none: the header alone."""
    return _INPE_HEADER


def break_nothing_left(text: str) -> str:
    """An outage published as an empty FeatureCollection: it says "no fire" and means "no data"."""
    del text
    return json.dumps({"features": [], "type": "FeatureCollection"}, indent=2) + "\n"


def break_nesting(text: str) -> str:
    """Features one list too deep, as a feed once published for hours."""
    collection = json.loads(text)
    return json.dumps({"features": [collection["features"]], "type": "FeatureCollection"}, indent=2) + "\n"


def break_off(text: str) -> str:
    """A connection that ended in the middle of the content."""
    return text[: len(text) * 3 // 5]


def break_rows(text: str) -> str:
    """A CSV in which some rows cannot be true, between good ones; the last is cut in the middle."""
    lines = text.splitlines()
    header, rows = lines[0].split(","), lines[1:]
    model = rows[-1].split(",")

    def changed(**columns: str) -> str:
        return ",".join(columns.get(name, value) for name, value in zip(header, model, strict=True))

    bad = [
        changed(latitude="-94.25181"),
        changed(longitude="W79.2"),
        changed(acq_date="2026-02-30"),
        changed(acq_time="2561"),
        changed(acq_date="2031-08-14"),
        changed(scan="-1.2"),
        changed(frp="n/a", confidence="sure"),
        ",".join(model[:6]),
        "<html><body>503 Service Unavailable</body></html>",
    ]
    half = len(rows) // 2
    return "\n".join([lines[0], *rows[:half], *bad, *rows[half:], rows[0][:31]])


#: Name of a disturbance → what it makes of a good content. "failed" is not here: it leaves no content at all.
BREAKS: dict[str, Callable[[str], str]] = {
    "published-empty": break_nothing_left,
    "nested-too-deep": break_nesting,
    "cut-off": break_off,
    "broken-rows": break_rows,
}


def _satellite(rows: Detections, i: int) -> Satellite:
    return SATELLITES[rows.satellite[i]]


def _when(rows: Detections, i: int) -> datetime:
    return datetime.fromtimestamp(int(rows.time_ms[i]) // 1000, UTC)


def _class(rows: Detections, i: int) -> int:
    return 0 if rows.confidence[i] < 30 else 1 if rows.confidence[i] < 80 else 2


def _head(rows: Detections, i: int) -> str:
    return (
        f"{_number(rows.lat[i], 5)},{_number(rows.lon[i], 5)},{_number(rows.bright_k[i])},"
        f"{_number(rows.scan_km[i])},{_number(rows.track_km[i])}"
    )


def _tail(rows: Detections, i: int) -> str:
    return f"{_number(rows.far_k[i])},{_number(rows.frp_mw[i])},{'D' if rows.day[i] else 'N'}"


def _number(value: float, decimals: int = 2) -> str:
    """As FIRMS prints it: rounded, no zeros at the end.

    >>> _number(309.0), _number(0.4), _number(-78.12345, 5)
    ('309', '0.4', '-78.12345')
    """
    return f"{value:.{decimals}f}".rstrip("0").rstrip(".")
