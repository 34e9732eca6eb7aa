"""Others' warnings for the tests of the stages: rows of messages from a few words each."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import shapely
from tests.stages.tables import MINUTE, T0, Row

from almenara.model.cap.facts import Facts, Words, encode
from almenara.model.observations import MESSAGES, named_key


def messages(rows: Iterable[Row]) -> pa.Table:
    """Messages; each row: id, and what differs from a day's Alert; `t`, `expires` in minutes from T0, `refs`: ids.

    `sent` gives the times (minutes) of the messages named in `refs`, which are otherwise taken to be sent at T0.
    """
    plain = {f.name: f.type.value_type if pa.types.is_dictionary(f.type) else f.type for f in MESSAGES}
    made = [_message(row) for row in rows]
    columns = {name: pa.array([row[name] for row in made], kind) for name, kind in plain.items()}
    return pa.table(columns).cast(MESSAGES)


def facts(row: Row) -> Facts:
    sent = row.get("sent", {})
    t = row.get("t", 0)
    return Facts(
        sender=row.get("sender", "met"),
        identifier=row["id"],
        sent_ms=T0 + t * MINUTE,
        status=row.get("status", "Exercise"),
        msg_type=row.get("type", "Update" if row.get("refs") else "Alert"),
        scope="Public",
        replaces=tuple(sorted((name, T0 + sent.get(name, 0) * MINUTE) for name in row.get("refs", ()))),
        severity=row.get("severity", "Severe"),
        urgency=row.get("urgency", "Expected"),
        certainty=row.get("certainty", "Likely"),
        expires_ms=T0 + row.get("expires", t + 1440) * MINUTE if row.get("expires", 0) is not None else None,
        all_clear=row.get("all_clear", False),
        words=(Words("en", "Rain", "Heavy rain", "Valley"), Words("es", "Lluvia", "Lluvia fuerte", "Valle")),
    )


def _message(row: Row) -> dict[str, Any]:
    told = facts(row)
    hi, lo = named_key(f"cap/{told.name}")
    area = row.get("area", shapely.box(-79.3, -4.3, -79.1, -4.1))
    nothing = dict.fromkeys(("across_m", "along_m"), 0.0) | dict.fromkeys(("value", "depth_km"), float("nan"))
    return nothing | {
        "key_hi": hi,
        "key_lo": lo,
        "version": told.sent_ms,
        "time": told.sent_ms,
        "lon": -79.2,
        "lat": -4.2,
        "confidence": 1,
        "heat_class": -1,
        "platform": told.sender,
        "instrument": "CAP",
        "status": "current",
        "reference": told.name,
        "label": "Heavy rain",
        "footprint": None if area is None else shapely.to_wkb(area),
        "message": encode(told),
    }
