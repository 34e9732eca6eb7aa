"""Ecuador, three days in August: fires round Vilcabamba and Malacatos that meet, and a great earthquake by night.

Names of towns are real, everything that happens is invented. The country lies on local time UTC−5.
"""

from datetime import UTC, datetime

from almenara.simulation.fire_spread import Ignition, Landscape
from almenara.simulation.quakes import Quake, Revision, describe
from almenara.simulation.scenario import Disturbance, FarmBurns, Feed, Flare, LatePass, Scenario, Stack

_START_MS = int(datetime(2026, 8, 14, 5, tzinfo=UTC).timestamp()) * 1000  # midnight in Quito


def _at(hours: float) -> int:
    return _START_MS + round(hours * 3600) * 1000


_LOJA = Landscape(
    lon=-79.235,
    lat=-4.238,
    half_m=9000.0,
    wind_to_deg=300.0,
    head_m_h=270.0,
    ignitions=(
        Ignition("Vilcabamba fire", -79.1995, -4.2515, _at(10.67), contained_ms=_at(62)),
        Ignition("Malacatos fire", -79.2430, -4.2120, _at(12.3), contained_ms=_at(62)),
    ),
    spared=((-79.22265, -4.26077), (-79.22164, -4.24269), (-79.25991, -4.21908)),
)

_CELICA = Landscape(
    lon=-80.05,
    lat=-4.15,
    half_m=3000.0,
    wind_to_deg=280.0,
    head_m_h=170.0,
    ignitions=(Ignition("Celica fire", -80.05, -4.15, _at(33.2), contained_ms=_at(41)),),
)

_TOWNS = (
    ("Pedernales", -80.05216, 0.07168),
    ("Cojimíes", -80.03592, 0.36644),
    ("Jama", -80.26358, -0.20172),
    ("Muisne", -80.0186, 0.61045),
    ("Esmeraldas", -79.65397, 0.9592),
    ("Bahía de Caráquez", -80.42444, -0.60033),
    ("Latacunga", -78.61675, -0.93521),
)


def _quake(code: str, lon: float, lat: float, hours: float, revisions: tuple[Revision, ...]) -> Quake:
    return Quake(code, lon, lat, _at(hours), describe(lon, lat, _TOWNS), revisions)


_QUAKES = (
    Quake(
        "7000x900",
        -78.714,
        -0.861,
        _at(12.08),
        describe(-78.714, -0.861, _TOWNS),
        (Revision(_at(12.3), 2.4, 0.0, magnitude_type="ml", stations=11),),
        kind="quarry blast",
    ),
    _quake(
        "7000x901",
        -80.188,
        0.121,
        44.73,
        (Revision(_at(44.9), 5.1, 10.0), Revision(_at(45.9), 5.2, 17.4, "reviewed", "mww", 88)),
    ),
    _quake(
        "7000x902",
        -80.214,
        0.143,
        46.2053,
        (
            Revision(_at(46.33), 6.6, 10.0, stations=52),
            Revision(_at(46.665), 7.0, 18.6, "automatic", "mww", 117),
            Revision(_at(48.9), 7.0, 19.2, "reviewed", "mww", 164),
        ),
    ),
    # Two networks' picks were taken for one quake: withdrawn after half an hour.
    _quake(
        "7000x903",
        -79.702,
        1.204,
        46.61,
        (Revision(_at(46.8), 5.9, 10.0, stations=14), Revision(_at(47.4), 5.9, 10.0, "deleted", stations=14)),
    ),
)

_FEEDS = (
    Feed(
        "firms-s-npp",
        "firms",
        "daily-text",
        "SUOMI_VIIRS_C2_South_America_VNP14IMGTDL_NRT_{julian}.txt",
        60,
        20,
        ("S-NPP",),
    ),
    Feed("firms-noaa-20", "firms", "current-csv", "J1_VIIRS_C2_South_America_24h.csv", 60, 25, ("NOAA-20",)),
    Feed("firms-noaa-21", "firms", "geojson", "J2_VIIRS_C2_South_America_24h.geojson", 60, 30, ("NOAA-21",)),
    Feed("firms-modis", "firms", "current-csv", "MODIS_C6_1_South_America_24h.csv", 60, 35, ("Terra", "Aqua")),
    Feed("inpe-focos", "inpe", "inpe", "focos_diario.csv", 360, 40),
    Feed("usgs-all-day", "usgs_quakes", "usgs", "all_day.geojson", 15, 0),
)

SCENARIO = Scenario(
    name="ecuador",
    title_es="Ecuador: incendios en Loja y sismo frente a Pedernales",
    title_en="Ecuador: wildfires in Loja and an earthquake off Pedernales",
    start_ms=_START_MS,
    hours=72,
    utc_offset_h=-5.0,
    timezone="America/Guayaquil",
    places_spec="geonames:EC",
    orbit_phase=0.1,
    landscapes=(_LOJA, _CELICA),
    flares=(
        # The second stack goes into use during the exercise, so near that its pixels reach the town.
        Flare("Shushufindi flare", (Stack(-76.6328, -0.18555, 5.0), Stack(-76.6393, -0.18555, 5.0, from_ms=_at(6)))),
    ),
    farm_burns=FarmBurns(
        sites=(
            (-80.45, -1.85),
            (-80.30, -1.25),
            (-79.40, -0.75),
            (-79.60, 0.20),
            (-80.35, -1.10),
            (-80.00, -4.05),
            (-80.05, -3.85),
            (-78.55, -1.90),
            (-79.15, -3.40),
        ),
        daily=4,
        frp_mw=9.0,
    ),
    quakes=_QUAKES,
    main_shock="7000x902",
    towns=_TOWNS,
    feeds=_FEEDS,
    disturbances=(
        Disturbance("firms-noaa-21", 20, 23, "published-empty"),
        Disturbance("firms-noaa-20", 24, 36, "failed"),
        Disturbance("firms-modis", 28, 30, "broken-rows"),
        Disturbance("firms-noaa-21", 33, 35, "nested-too-deep"),
        Disturbance("firms-noaa-21", 52, 54, "cut-off"),
        Disturbance("usgs-all-day", 55, 58, "failed"),
    ),
    late=(LatePass("S-NPP", 37.0, 9.0),),
    archive_days=30,
    reissue_h=60.0,
    harmless=("Celica fire",),
)
