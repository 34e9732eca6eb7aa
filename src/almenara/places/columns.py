"""Which column of a file means what: usual names in Spanish, English and Portuguese, or what the caller says."""

import unicodedata
from collections.abc import Mapping, Sequence

from almenara.model.errors import UsageError

#: Field → usual column names, best first, written as `plain` writes them.
USUAL: dict[str, tuple[str, ...]] = {
    "name": (
        "name", "nombre", "nome", "nombreoficial", "nameen", "namees", "namept", "nam", "nombrees", "denominacion",
        "denominacao", "toponimo", "toponym", "institucion", "nombreinst", "nombreinstitucion", "nominst",
        "establecimiento", "estabelecimento", "asciiname", "placename", "placenam", "label", "etiqueta", "titulo",
        "title",
    ),
    "kind": ("kind", "tipo", "type", "clase", "classe", "class", "category", "categoria", "amenity", "fclass"),
    "population": (
        "population", "poblacion", "populacao", "pop", "habitantes", "people", "personas", "pessoas", "totpop",
        "poptotal", "poblaciontotal", "poblactot", "pobtotal", "pobtot", "popmax", "popest", "inhabitants",
        "estudiantes", "students", "alumnos", "alunos", "matricula",
    ),
    "id": ("id", "placeid", "identifier", "codigo", "code", "cod", "uid", "uuid", "gid", "codigoamie", "codamie",
        "amie", "unicodigo", "osmid", "geonameid", "codigoinep"),
    "alert_distance_m": ("alertdistancem", "alertdistance", "alertdist", "distanciaalerta", "distalerta",
        "distanciadealerta", "distanciaalertam", "bufferm", "buffer"),
    "lon": ("lon", "lng", "long", "longitude", "longitud", "x", "xcoord", "coordx", "coordenadax", "londeg",
        "decimallongitude", "este"),
    "lat": ("lat", "latitude", "latitud", "y", "ycoord", "coordy", "coordenaday", "latdeg", "decimallatitude",
        "norte"),
    "geometry": ("geometry", "geom", "wkt", "thegeom", "wkbgeometry", "geometria", "shape", "wktgeom", "geog"),
    "country": ("country", "countrycode", "pais", "cc", "iso2", "isoa2", "iso31661", "codigopais", "codpais"),
    "admin": ("admin", "admin1", "admin1name", "province", "provincia", "state", "estado", "departamento", "region",
        "uf", "desprovincia", "dpadespro", "nomeestado", "adm1name", "adm1es", "name1"),
}  # fmt: skip

_SPELLINGS = {"alert_distance": "alert_distance_m", "alert-distance": "alert_distance_m", "wkt": "geometry"}


def recognise(names: Sequence[str], wanted: Mapping[str, str]) -> dict[str, str]:
    """Field → column of this file. Raises UsageError for a field that does not exist or a column the file lacks.

    >>> recognise(["NOMBRE", "Población", "x", "y"], {})
    {'name': 'NOMBRE', 'population': 'Población', 'lon': 'x', 'lat': 'y'}
    >>> recognise(["a", "b"], {"name": "B"})
    {'name': 'b'}
    """
    asked: dict[str, str] = {}
    by_lower = {name.casefold(): name for name in reversed(names)}
    for given, column in wanted.items():
        field = _SPELLINGS.get(given, given)
        if field not in USUAL:
            raise UsageError(f"There is no field “{given}”: use one of {', '.join(USUAL)}.")
        found = column if column in names else by_lower.get(column.casefold())
        if found is None:
            raise UsageError(f"The file has no column “{column}”. Its columns: {', '.join(names) or 'none'}.")
        asked[field] = found
    by_plain = {plain(name): name for name in reversed(names)}
    taken = set(asked.values())
    recognised: dict[str, str] = {}
    for field, usual in USUAL.items():
        if field in asked:
            recognised[field] = asked[field]
            continue
        hit = next((by_plain[name] for name in usual if name in by_plain and by_plain[name] not in taken), None)
        if hit is not None:
            recognised[field] = hit
    return recognised


def plain(name: str) -> str:
    """A column name without case, accents, blanks and signs.

    >>> plain("Distancia_de Alerta (m)")
    'distanciadealertam'
    """
    stripped = unicodedata.normalize("NFKD", name)
    return "".join(letter for letter in stripped.casefold() if letter.isalnum())
