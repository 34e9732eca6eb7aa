"""The codes of a run in plain Spanish and English."""

from almenara.report.markup import Html, decimal, distance, name, safe, two, whole

_Pair = tuple[str, str]

KINDS: dict[str, _Pair] = {
    "fire": ("Incendio", "Fire"),
    "earthquake": ("Sismo", "Earthquake"),
    "warning": ("Aviso de otra autoridad", "Another authority's warning"),
}
#: Kinds in a sentence of how many are followed: one, several.
FOLLOWED = (
    ("fire", ("incendio", "incendios"), ("fire", "fires")),
    ("earthquake", ("sismo", "sismos"), ("earthquake", "earthquakes")),
    (
        "warning",
        ("aviso de otra autoridad", "avisos de otras autoridades"),
        ("warning of another authority", "warnings of other authorities"),
    ),
)
STATES: dict[str, _Pair] = {
    "active": ("activo", "active"),
    "dormant": ("sin señal reciente", "no recent sign"),
    "ended": ("terminado", "ended"),
    "merged": ("unido a otro", "merged"),
    "retracted": ("retirado por la fuente", "taken back by the source"),
    "open": ("abierto", "open"),
    "closed": ("cerrado", "closed"),
}
#: The states again, of several: agreeing in number and gender where Spanish wants it.
STATES_MANY: dict[str, _Pair] = STATES | {
    "active": ("activos", "active"),
    "ended": ("terminados", "ended"),
    "merged": ("unidos a otros", "merged"),
    "retracted": ("retirados por la fuente", "taken back by the source"),
}
PLACE_KINDS: dict[str, _Pair] = {
    "town": ("población", "town"),
    "school": ("escuela", "school"),
    "hospital": ("hospital", "hospital"),
    "reserve": ("reserva", "reserve"),
    "place": ("lugar", "place"),
    "canton": ("cantón", "canton"),
    "province": ("provincia", "province"),
    "home": ("vivienda", "home"),
    "clinic": ("centro de salud", "clinic"),
    "camp": ("campamento", "camp"),
}
STATUSES: dict[str, _Pair] = {
    "Actual": ("REAL", "ACTUAL"),
    "Exercise": ("EJERCICIO", "EXERCISE"),
    "Test": ("PRUEBA", "TEST"),
    "Draft": ("BORRADOR", "DRAFT"),
    "System": ("SISTEMA", "SYSTEM"),
    "Unknown": ("SIN ESTADO DECLARADO", "STATUS NOT STATED"),
}
MESSAGE_TYPES: dict[str, _Pair] = {
    "Alert": ("Alerta", "Alert"),
    "Update": ("Actualización", "Update"),
    "Cancel": ("Cancelación", "Cancellation"),
}
PRIORITIES: dict[int, _Pair] = {
    1: ("1 · ahora", "1 · now"),
    2: ("2 · pronto", "2 · soon"),
    3: ("3 · preparar", "3 · prepare"),
    4: ("4 · observar", "4 · watch"),
}
BASES: dict[str, _Pair] = {
    "observed footprint": ("huella observada", "observed footprint"),
    "estimated intensity": ("intensidad estimada", "estimated intensity"),
    "another authority's warning": ("aviso de otra autoridad", "another authority's warning"),
}
CERTAINTIES: dict[str, _Pair] = {
    "Observed": ("Observado", "Observed"),
    "Likely": ("Probable", "Likely"),
    "Possible": ("Posible", "Possible"),
    "Unlikely": ("Poco probable", "Unlikely"),
    "Unknown": ("Desconocida", "Unknown"),
}
SEVERITIES: dict[str, _Pair] = {
    "Extreme": ("Extrema", "Extreme"),
    "Severe": ("Grave", "Severe"),
    "Moderate": ("Moderada", "Moderate"),
    "Minor": ("Menor", "Minor"),
    "Unknown": ("Desconocida", "Unknown"),
}
URGENCIES: dict[str, _Pair] = {
    "Immediate": ("Inmediata", "Immediate"),
    "Expected": ("En la próxima hora", "Within the hour"),
    "Future": ("Más adelante", "Later"),
    "Past": ("Ya pasó", "Past"),
    "Unknown": ("Desconocida", "Unknown"),
}
OUTCOMES: dict[str, _Pair] = {
    "data": ("con datos", "data"),
    "ok": ("con datos", "data"),
    "empty": ("respondió: sin filas", "answered: no rows"),
    "unchanged": ("respondió: sin cambios", "answered: unchanged"),
    "failed": ("NO respondió", "did NOT answer"),
    "malformed": ("respuesta ilegible", "unreadable answer"),
    "silent": ("EN SILENCIO", "SILENT"),
}
#: Outcomes after which a source's hazards are unknown, not over.
UNHEARD = {"failed", "malformed", "silent"}


def word(table: dict[str, _Pair], code: str | None) -> Html:
    """A code in both languages; one that is not known here as it stands."""
    if code is None or code == "":
        return Html("–")
    pair = table.get(code)
    return two(*pair) if pair else safe(code)


def reason(code: str) -> Html:
    """Why an incident has its priority: "population:4500" as "4 500 people within reach".

    >>> reason("distance:0")
    '<span lang="es">dentro de la zona afectada</span><span lang="en">inside the affected area</span>'
    """
    key, _, value = code.partition(":")
    if key in _GRADES and value:
        es, en, table = _GRADES[key]
        return two(es, en, v=word(table, value))
    try:
        amount = float(value)
    except ValueError:
        return _worded(key, value)
    if key == "distance" and amount <= 0:
        return two("dentro de la zona afectada", "inside the affected area")
    if key == "population" and amount <= 0:
        return two(*_REASONS["population-unknown"])
    shown: dict[str, tuple[str, str, Html]] = {
        "population": ("{n} habitantes al alcance", "{n} people within reach", whole(amount)),
        "people": ("{n} habitantes al alcance", "{n} people within reach", whole(amount)),
        "distance": ("el lugar más cercano está a {n}", "the nearest place is {n} away", distance(amount)),
        "places": ("{n} lugares al alcance", "{n} places within reach", whole(amount)),
        "mmi": ("intensidad estimada {n} (MMI)", "estimated intensity {n} (MMI)", decimal(amount)),
        "magnitude": ("magnitud {n}", "magnitude {n}", decimal(amount)),
        "frp": ("potencia radiativa {n} MW", "radiative power {n} MW", whole(amount)),
        "area": ("superficie {n} km²", "area {n} km²", decimal(amount)),
        "growth": ("creció {n} km²", "grew by {n} km²", decimal(amount)),
        "growing": ("creció {n} km²", "grew by {n} km²", decimal(amount)),
        "observations": ("{n} detecciones", "{n} detections", whole(amount)),
    }
    if key not in shown:
        return _worded(key, value)
    es, en, n = shown[key]
    return two(es, en, n=n)


_GRADES: dict[str, tuple[str, str, dict[str, _Pair]]] = {
    "certainty": ("certeza: {v}", "certainty: {v}", CERTAINTIES),
    "severity": ("gravedad: {v}", "severity: {v}", SEVERITIES),
    "urgency": ("urgencia: {v}", "urgency: {v}", URGENCIES),
}
_REASONS: dict[str, _Pair] = {
    "kind": ("tipo de lugar: {v}", "kind of place: {v}"),
    "place-kind": ("tipo de lugar: {v}", "kind of place: {v}"),
    "place": ("lugar: {v}", "place: {v}"),
    "confidence": ("confianza de la detección: {v}", "confidence of the detection: {v}"),
    "growing": ("en crecimiento", "growing"),
    "growth": ("en crecimiento", "growing"),
    "population-unknown": ("población desconocida", "population unknown"),
    "merged": ("se unió a otro incidente", "merged with another incident"),
}


def _worded(key: str, value: str) -> Html:
    if key in _REASONS:
        return two(*_REASONS[key], v=name(value))
    words = key.replace("-", " ").replace("_", " ")
    return safe(f"{words}: {value}" if value else words)
