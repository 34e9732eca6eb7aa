"""Places as they travel: one Arrow table, one row for each protected point or polygon."""

import pyarrow as pa

#: Reach within which the people of a place are warned, where nothing else is said.
ALERT_DISTANCE_M_DEFAULT = 300.0

PLACES = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),  # unique in the table, stable between imports of the same source
        pa.field("name", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),  # "town", "school", "hospital", "reserve", … free text
        pa.field("population", pa.int64()),  # people, null when unknown
        pa.field("alert_distance_m", pa.float64(), nullable=False),
        pa.field("lon", pa.float64(), nullable=False),  # of the point, or of a point inside the polygon; WGS84 degrees
        pa.field("lat", pa.float64(), nullable=False),
        pa.field("geometry", pa.binary()),  # WKB (WGS84 lon/lat) of a polygon or multipolygon; null for a point
        pa.field("country", pa.string()),  # ISO 3166-1 alpha-2 when known
        pa.field("admin", pa.string()),  # province or state name or code when known
    ]
)
