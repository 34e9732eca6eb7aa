"""What a scenario is made of: the true events, the feeds that report them, and what goes wrong on the way."""

from dataclasses import dataclass

from almenara.simulation.fire_spread import Landscape
from almenara.simulation.quakes import Quake


@dataclass(frozen=True, slots=True)
class Stack:
    """A place where gas is burnt off; from the archive's first day on unless `from_ms` says later."""

    lon: float
    lat: float
    frp_mw: float
    from_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Flare:
    """A lasting source of heat that is no fire: the stacks of one oil field."""

    name: str
    stacks: tuple[Stack, ...]


@dataclass(frozen=True, slots=True)
class FarmBurns:
    """Fields far from any town, one or two of which burn for some hours on any day."""

    sites: tuple[tuple[float, float], ...]  # lon, lat
    daily: int
    frp_mw: float


@dataclass(frozen=True, slots=True)
class Feed:
    """An address that is polled: which plugin reads it, in what form it publishes, how often it is asked."""

    key: str  # stable name of the address: "firms-noaa-20"
    source: str  # plugin name
    form: str  # "daily-text" | "current-csv" | "geojson" | "usgs" | "inpe"
    file: str  # name of its content; {julian} is replaced by the day of a daily file
    every_min: int
    at_min: int  # of the first poll after the start
    satellites: tuple[str, ...] = ()
    window_h: int = 24


@dataclass(frozen=True, slots=True)
class Disturbance:
    """A time in which a feed does not publish what it should."""

    feed: str
    from_h: float  # after the start
    until_h: float
    what: str  # "failed" or a name in feeds.BREAKS


@dataclass(frozen=True, slots=True)
class LatePass:
    """A look whose data arrive long after they were taken."""

    satellite: str
    about_h: float  # after the start, ± 1 h
    delay_h: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """An exercise world before it is written: everything but the seed."""

    name: str
    title_es: str
    title_en: str
    start_ms: int
    hours: int
    utc_offset_h: float
    timezone: str  # its name, for the times in warnings
    places_spec: str
    orbit_phase: float  # where in its cycle the fleet is, 0…1
    landscapes: tuple[Landscape, ...]
    flares: tuple[Flare, ...]
    farm_burns: FarmBurns
    quakes: tuple[Quake, ...]
    main_shock: str  # code of the quake that aftershocks follow; empty: none
    towns: tuple[tuple[str, float, float], ...]  # for the words in earthquake reports
    feeds: tuple[Feed, ...]
    disturbances: tuple[Disturbance, ...]
    late: tuple[LatePass, ...]
    archive_days: int  # of S-NPP history before the start, delivered with the first poll
    reissue_h: float  # when the first two days' S-NPP rows come again as standard processing
    harmless: tuple[str, ...]  # names of ignitions that threaten nobody

    @property
    def end_ms(self) -> int:
        """The end of the exercise."""
        return self.start_ms + self.hours * 3_600_000
