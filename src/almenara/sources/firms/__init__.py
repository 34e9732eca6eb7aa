"""NASA FIRMS: active fire detections of VIIRS and MODIS, in every form FIRMS has published them."""

import re
from collections.abc import Iterator
from pathlib import Path

from almenara.model.limits import HEAD_BYTES
from almenara.ports import Parsed, Rejection
from almenara.sources.batch import JSON_REASONS, REASONS, TEXT_REASONS, Batch
from almenara.sources.delimited import Header, find_header, read_batches
from almenara.sources.firms.dates import ROWS_MAX_OF_DATES, DateOrder
from almenara.sources.firms.rows import VIIRS_ONLY, batch_of_items, read_rows
from almenara.sources.json_items import looks_empty, looks_like_json, read_items

#: Columns without which no detection can be read, and those that say more about it.
_NEEDED = ("latitude", "longitude", "acq_date", "acq_time", "satellite")
_OPTIONAL = ("instrument", "confidence", "version", "scan", "track", "frp", "type")
#: FEDS (fireatlas) keeps the science archive of S-NPP in columns of its own; DS and DT are kilometres.
_FEDS = {
    "latitude": "lat",
    "longitude": "lon",
    "frp": "frp",
    "satellite": "sat",
    "scan": "ds",
    "track": "dt",
    "acq_date_time": "datetime",
}

_NAME = re.compile(r"firms|modis|viirs|fire|suomi|vnp14|vj114|mod14|mcd14", re.IGNORECASE)


class Firms:
    """The source. It keeps `ports.Source`."""

    name = "firms"
    kind = "fire"
    title = "NASA FIRMS active fire detections (VIIRS 375 m, MODIS 1 km)"
    attribution = "NASA FIRMS, https://earthdata.nasa.gov/firms"
    cadence_s = 6 * 3600  # no more than one pass in each half day is certain, and its data come within three hours
    url = "https://firms.modaps.eosdis.nasa.gov/data/active_fire/suomi-npp-viirs-c2/csv/SUOMI_VIIRS_C2_South_America_24h.csv"
    reasons = (
        REASONS
        | TEXT_REASONS
        | JSON_REASONS
        | {
            "date-missing": "The row says no date.",
            "date-unreadable": "The date is neither YYYY-MM-DD nor, in a file saved by a spreadsheet, M/D/YYYY.",
            "date-ambiguous": "Day and month could be either way round, and no row of the file tells which.",
            "clock-unreadable": "The time of day is neither HH:MM nor HHMM.",
            "satellite-unknown": "The satellite is none that carries VIIRS or MODIS.",
            "instrument-unknown": "The instrument is not the one that the satellite carries.",
            "confidence-unreadable": "The confidence is neither low, nominal or high (l, n, h) nor, for MODIS, 0…100.",
            "power-unreadable": "The radiative power is no number.",
            "power-out-of-range": "The radiative power is below 0 or beyond 1,000,000 MW.",
            "footprint-unreadable": "The pixel's size is no number.",
            "footprint-out-of-range": "The pixel's size is not above 0 and at most 20 km.",
            "type-unknown": "The type of the heat source is not 0, 1, 2 or 3.",
        }
    )

    def recognises(self, head: bytes, name: str) -> bool:
        """Whether the content has FIRMS' columns or properties; an empty one is judged by its name."""
        if looks_like_json(head):
            if looks_empty(head):
                return bool(_NAME.search(name)) and "quake" not in name.lower()
            lower = head.lower()
            return b'"acq_date"' in lower and b'"acq_time"' in lower
        header = find_header(head)
        return _columns(header) is not None if header else not head.strip() and bool(_NAME.search(name))

    def parse(self, path: Path, *, received_ms: int, rows_max: int) -> Iterator[Parsed]:
        """Read a content of any of FIRMS' forms."""
        with path.open("rb") as file:
            batches = _json_batches if looks_like_json(file.read(HEAD_BYTES)) else _text_batches
        order = DateOrder(
            lambda: (batch.text("acq_date") for batch, _ in batches(path, ROWS_MAX_OF_DATES) if batch is not None)
        )
        for batch, rejections in batches(path, rows_max):
            yield read_rows(batch, rejections, order, received_ms)


def _text_batches(path: Path, rows_max: int) -> Iterator[tuple[Batch | None, list[Rejection]]]:
    return read_batches(path, rows_max, _columns)


def _json_batches(path: Path, rows_max: int) -> Iterator[tuple[Batch | None, list[Rejection]]]:
    for items, rejections in read_items(path, rows_max):
        yield batch_of_items(items, (*_NEEDED, *_OPTIONAL, *VIIRS_ONLY)), rejections


def _columns(header: Header) -> dict[str, str] | None:
    """Name in the batch → name in the file; None when this is not FIRMS."""
    names = set(header.names)
    if {"latitude", "longitude", "acq_date"} <= names:
        present = [name for name in (*_OPTIONAL, *VIIRS_ONLY) if name in names]
        return {name: name for name in (*_NEEDED, *present)}
    return _FEDS if set(_FEDS.values()) <= names else None


SOURCE = Firms()
