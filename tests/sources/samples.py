"""Small contents in the forms the feeds publish, made here, and the reading of them."""

import json
from pathlib import Path

import pyarrow as pa

from almenara.ports import Parsed, Rejection, Source

RECEIVED_MS = 1_790_000_000_000  # 2026-09-21

DAILY_HEADER = (
    "latitude,longitude,bright_ti4,scan,track,acq_date,acq_time,satellite,confidence,version,bright_ti5,frp,daynight"
)
DAILY = f"""{DAILY_HEADER}
-0.25001,-78.50002,331.5,0.55,0.68,2026-08-14,06:33,N,nominal,2.0NRT,256.4,4.26,N
-0.25301,-78.50302,341.5,0.41,0.37,2026-08-14,18:05,1,high,2.0NRT,275.6,11.5,D
"""
CURRENT = """\
latitude,longitude,bright_ti4,scan,track,acq_date,acq_time,satellite,instrument,\
confidence,version,bright_ti5,frp,daynight
-0.25001,-78.50002,331.5,0.55,0.68,2026-08-14,633,N,VIIRS,n,2.0NRT,256.4,4.26,N
-0.25301,-78.50302,341.5,0.41,0.37,2026-08-14,1805,N20,VIIRS,h,2.0NRT,275.6,11.5,D
"""
ARCHIVE = """\
latitude,longitude,brightness,scan,track,acq_date,acq_time,satellite,instrument,\
confidence,version,bright_t31,frp,daynight,type
-0.25001,-78.50002,331.5,0.55,0.68,2026-08-14,0633,N,VIIRS,n,2,256.4,4.26,N,0
-0.25301,-78.50302,341.5,0.41,0.37,2026-08-14,1805,N20,VIIRS,h,2,275.6,11.5,D,2
"""
_PROPERTIES = [dict(zip(CURRENT.split("\n")[0].split(","), row.split(","), strict=True)) for row in CURRENT.split()[1:]]
JSON_LIST = json.dumps(
    [
        {
            **row,
            "latitude": float(row["latitude"]),
            "longitude": float(row["longitude"]),
            "acq_time": int(row["acq_time"]),
        }
        for row in _PROPERTIES
    ]
)
_FEATURES = [
    {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [float(row["longitude"]), float(row["latitude"])]},
        "properties": row,
    }
    for row in _PROPERTIES
]
GEOJSON = json.dumps({"features": _FEATURES, "type": "FeatureCollection"}, indent=2)
GEOJSON_NESTED = json.dumps({"features": [_FEATURES], "type": "FeatureCollection"}, indent=2)
MODIS = """\
latitude,longitude,brightness,scan,track,acq_date,acq_time,satellite,instrument,\
confidence,version,bright_t31,frp,daynight
-0.25001,-78.50002,319.81,1.46,1.19,2026-08-14,5,Aqua,MODIS,29,6.1NRT,287.46,11.4,N
-0.25301,-78.50302,349.02,1,1,2026-08-14,33,T,MODIS,80,6.1NRT,294.43,53.89,D
"""
FEDS = """Lat,Lon,FRP,Sat,DT,DS,input_filename,datetime,ampm
-0.250013,-78.500024,4.26,SNPP,0.68,0.55,VNP14IMGML.202608.pkl,2026-08-14 06:33:00,AM
-0.253013,-78.503024,11.5,SNPP,0.37,0.41,VNP14IMGML.202608.pkl,2026-08-14 18:05:00,PM
"""
INPE = """id,lat,lon,data_hora_gmt,satelite,municipio,estado,pais,municipio_id,estado_id,pais_id,numero_dias_sem_chuva,\
precipitacao,risco_fogo,bioma,frp
a1,-0.25001,-78.50002,2026-08-14 06:33:00,NPP-375D,PORTO VELHO,RONDÔNIA,Brasil,1,11,33,,,,Amazônia,4.2
a2,-0.25301,-78.50302,2026-08-14 18:05:00,NOAA-20,,ACRE,Brasil,1,12,33,,,,Amazônia,
a3,-9.5,-66.0,2026-08-14 18:10:00,GOES-16,"MISSÃO VELHA, A",ACRE,Brasil,1,12,33,,,,Amazônia,-999
"""
QUAKE = {
    "type": "Feature",
    "properties": {
        "mag": 5.1,
        "place": "12 km SE of Pedernales, Ecuador",
        "time": 1_780_000_000_000,
        "updated": 1_780_000_900_000,
        "status": "automatic",
        "net": "us",
        "type": "earthquake",
    },
    "geometry": {"type": "Point", "coordinates": [-79.9, 0.01, 20.5]},
    "id": "us7000abcd",
}
QUAKES = json.dumps({"type": "FeatureCollection", "metadata": {"title": "USGS"}, "features": [QUAKE]})


def cap(
    identifier: str = "w-1",
    *,
    sent: str = "2026-09-20T10:00:00-05:00",
    msg_type: str = "Alert",
    references: str = "",
    status: str = "Actual",
    area: str = "<polygon>-4.5,-79.5 -4.5,-79 -4,-79 -4,-79.5 -4.5,-79.5</polygon>",
    info: str | None = None,
    version: str = "1.2",
) -> str:
    """A message of an invented authority, without XML declaration."""
    if info is None:
        info = (
            "<info><language>es-EC</language><category>Met</category><event>Lluvia fuerte</event>"
            "<urgency>Expected</urgency><severity>Severe</severity><certainty>Likely</certainty>"
            "<expires>2026-09-21T10:00:00-05:00</expires><senderName>Servicio del Tiempo</senderName>"
            f"<headline>Lluvias en el valle</headline><area><areaDesc>Valle</areaDesc>{area}</area></info>"
        )
    refers = f"<references>{references}</references>" if references else ""
    return (
        f'<alert xmlns="urn:oasis:names:tc:emergency:cap:{version}"><identifier>{identifier}</identifier>'
        f"<sender>tiempo@example.org</sender><sent>{sent}</sent><status>{status}</status>"
        f"<msgType>{msg_type}</msgType><scope>Public</scope>{refers}{info}</alert>"
    )


def atom(*messages: str) -> str:
    """An Atom feed whose entries bring their messages along."""
    entries = "\n".join(
        f"<entry><id>urn:x:{number}</id><title>t</title><updated>2026-09-20T15:00:00Z</updated>"
        f'<content type="application/cap+xml">{message}</content></entry>'
        for number, message in enumerate(messages)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom"><id>urn:x</id>'
        f"<title>Avisos</title><updated>2026-09-20T15:00:00Z</updated>\n{entries}\n</feed>\n"
    )


def rss(*messages: str) -> str:
    """The same as RSS."""
    items = "\n".join(f"<item><title>t</title>{message}</item>" for message in messages)
    return f'<?xml version="1.0"?>\n<rss version="2.0"><channel><title>Avisos</title>\n{items}\n</channel></rss>\n'


UPDATE = cap("w-2", msg_type="Update", references="tiempo@example.org,w-1,2026-09-20T10:00:00-05:00")
LINKS = """<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><id>urn:x</id><title>Avisos</title><updated>2026-09-20T15:00:00Z</updated>
<entry><id>urn:x:1</id><title>Lluvia</title><link type="application/cap+xml" href="w-1.xml"/></entry>
<entry><id>urn:x:2</id><title>Viento</title><link type="application/cap+xml" href="w-2.xml"/></entry>
</feed>
"""
EDXL = (
    '<EDXLDistribution xmlns="urn:oasis:names:tc:emergency:EDXL:DE:1.0"><contentObject><xmlContent>'
    f"<embeddedXMLContent>{cap()}</embeddedXMLContent></xmlContent></contentObject></EDXLDistribution>"
)

#: A sound content of each source: what the contract test reads.
SOUND: dict[str, dict[str, str]] = {
    "firms": {
        "daily": DAILY,
        "current": CURRENT,
        "archive": ARCHIVE,
        "list": JSON_LIST,
        "geojson": GEOJSON,
        "nested": GEOJSON_NESTED,
        "modis": MODIS,
        "feds": FEDS,
    },
    "cap_feed": {
        "alone": '<?xml version="1.0" encoding="UTF-8"?>\n' + cap(),
        "older": cap(version="1.1"),
        "circle": cap(area="<circle>-4.2,-79.2 12.5</circle>"),
        "named area": cap(area="<geocode><valueName>INEC</valueName><value>1101</value></geocode>"),
        "atom": atom(cap(), UPDATE),
        "rss": rss(cap(), UPDATE),
        "edxl": EDXL,
        "list": f'<alerts xmlns="urn:oasis:names:tc:emergency:cap:1.2">{cap()}{UPDATE}</alerts>',
    },
    "inpe": {"daily": INPE},
    "usgs_quakes": {"collection": QUAKES, "single": json.dumps(QUAKE)},
}


def read(source: Source, content: str | bytes, folder: Path, rows_max: int = 1000) -> list[Parsed]:
    """All pieces of a content, each held to the table's schema."""
    path = folder / "content"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    pieces = list(source.parse(path, received_ms=RECEIVED_MS, rows_max=rows_max))
    for piece in pieces:
        piece.observations.validate(full=True)
    return pieces


def read_whole(source: Source, content: str | bytes, folder: Path) -> tuple[pa.Table, list[Rejection]]:
    """A content in one table."""
    pieces = read(source, content, folder)
    rejections = [rejection for piece in pieces for rejection in piece.rejections]
    if not pieces:
        from almenara.model.observations import OBSERVATIONS

        return OBSERVATIONS.empty_table(), rejections
    return pa.concat_tables(piece.observations for piece in pieces), rejections


def changed(content: str, **values: str) -> str:
    """A CSV with other values in its first row."""
    header, first, *others = content.splitlines()
    names = header.split(",")
    row = dict(zip(names, first.split(","), strict=True))
    assert values.keys() <= row.keys(), values
    return "\n".join([header, ",".join((row | values).values()), *others]) + "\n"
