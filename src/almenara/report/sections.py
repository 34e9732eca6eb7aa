"""The sections about hazards: headlines, overview map, incidents with their maps and growth, exposed places."""

import math

import pyarrow as pa
import pyarrow.compute as pc

from almenara.report import maps
from almenara.report.cap import Message, latest
from almenara.report.charts import growth
from almenara.report.digest import PLACES_MAX, Digest
from almenara.report.exposed import Exposed, of_hazards
from almenara.report.folder import Hazard, Incident, Run
from almenara.report.markup import (
    Html,
    area,
    decimal,
    distance,
    join,
    many,
    moment,
    name,
    parse_time,
    sentence,
    tag,
    two,
    whole,
)
from almenara.report.reachable import marks as could_reach
from almenara.report.words import (
    BASES,
    CERTAINTIES,
    FOLLOWED,
    KINDS,
    PLACE_KINDS,
    PRIORITIES,
    STATES,
    STATES_MANY,
    UNHEARD,
    reason,
    word,
)

_INCIDENT_ROWS_MAX = 100
_CHARTS_MAX = 6
_MAP_PLACES_MAX = 60
_HAZARDS_ON_MAP_MAX = 40
_STEPS_SHOWN = 4


def headlines(run: Run, facts: Digest) -> list[Html]:
    """The run in a few sentences, the most urgent first."""
    lines = [sentence(line) for line in (_incident_line(facts), _exposure_line(facts), *_hazard_lines(facts))]
    count = sum(1 for message, _ in latest(run.messages) if not message.damaged)
    none = two("Ningún aviso al público.", "No public warning.")
    said = many(count, ("aviso al público.", "avisos al público, cada uno en su última versión."),
                ("public warning.", "public warnings, each in its latest version."))  # fmt: skip
    lines.append(said if count else none)
    unheard = _unheard(run)
    if unheard:
        heard = two("⚠ Fuentes sin noticias: {s}. Sin datos no significa sin fuego.",
                    "⚠ Sources not heard: {s}. No data is not no fire.", s=", ".join(unheard))  # fmt: skip
        lines.append(tag("span", heard, class_="alarm"))
    return lines


def _unheard(run: Run) -> list[str]:
    sources = run.get("sources")
    found = (
        [s for s in sources if isinstance(s, dict) and s.get("outcome") in UNHEARD] if isinstance(sources, list) else []
    )
    return [str(source.get("name", "?")) for source in found]


def _incident_line(facts: Digest) -> Html:
    if not facts.open:
        return two("Ningún incidente abierto.", "No incident is open.")
    urgent = sum(1 for incident in facts.open if incident.priority == 1)
    es, en = ("incidente abierto", "incidentes abiertos"), ("incident is open", "incidents are open")
    return join(
        [
            many(len(facts.open), es, en),
            two(", {u} de prioridad 1. El primero: ", ", {u} of priority 1. The first: ", u=_strong(whole(urgent))),
            _sentence(facts.open[0], facts),
        ]
    )


def _exposure_line(facts: Digest) -> Html:
    found = facts.exposures
    if not found.places:
        return two("Ningún lugar al alcance de un peligro ahora.", "No place is within reach of a hazard now.")
    parts = [
        many(found.places, ("lugar", "lugares"), ("place is", "places are")),
        two(" al alcance de un peligro ahora, con ", " within reach of a hazard now, with "),
        many(found.people, ("habitante", "habitantes"), ("person", "people")),
    ]
    if found.people_unknown:
        unknown = whole(found.people_unknown)
        parts.append(
            two(" (sin contar {u} de población desconocida)", " (not counting {u} of unknown population)", u=unknown)
        )
    return join([*parts, "."])


def _hazard_lines(facts: Digest) -> list[Html]:
    lines = []
    for kind, (es, es_many), (en, en_many) in FOLLOWED:
        counts = {state: n for (of, state), n in facts.states.items() if of == kind}
        if not counts:
            continue
        states = [
            join([whole(counts[state]), " ", word(STATES if counts[state] == 1 else STATES_MANY, state)])
            for state in STATES
            if state in counts
        ]
        singular_plural = (f"{es} seguido: ", f"{es_many} seguidos: "), (f"{en} followed: ", f"{en_many} followed: ")
        lines.append(join([many(sum(counts.values()), *singular_plural), join(states, ", "), "."]))
    if facts.suppressed:
        lines.append(
            many(facts.suppressed,
                 ("foco de calor que no es incendio (volcán, industria); no abre incidentes.",
                  "focos de calor que no son incendios (volcán, industria); no abren incidentes."),
                 ("heat source that is no wildfire (volcano, industry); it opens no incident.",
                  "heat sources that are no wildfires (volcano, industry); they open no incident."))
        )  # fmt: skip
    return lines


def overview_section(run: Run, facts: Digest) -> Html:
    """The map of everything."""
    numbered = []
    for number, incident in facts.mapped:
        places = [facts.hazards[h].position() for h in incident.hazards if h in facts.hazards]
        first = next((p for p in places if p is not None), None)
        if first is not None:
            numbered.append((number, *first))
    return tag(
        "section", tag("h2", two("Mapa general", "Overview")), maps.overview(run.hazards, numbered), class_="overview"
    )


def incident_table(facts: Digest) -> Html:
    """Incidents by priority, with the reasons in plain words."""
    heading = tag("h2", two("Incidentes por prioridad", "Incidents by priority"))
    if not facts.incidents:
        return tag("section", heading, tag("p", two("Ninguno.", "None."), class_="none"))
    numbers = {incident.id: number for number, incident in facts.mapped}
    rows = []
    for incident in facts.incidents[:_INCIDENT_ROWS_MAX]:
        rows.append(
            tag(
                "tr",
                tag("td", _badge(numbers.get(incident.id))),
                tag("td", _priority(incident), data_v=incident.priority),
                tag("td", _title(incident, facts), tag("div", name(incident.id), class_="id")),
                tag("td", sentence(join([reason(code) for code in incident.reasons], "; "))),
                _number_cell(incident.places),
                _number_cell(incident.population),
                tag("td", moment(parse_time(incident.opened)), class_="time"),
                class_=None if incident.status == "open" else "over",
            )
        )
    columns = (
        ("N.º", "No.", ""),
        ("Prioridad", "Priority", ""),
        ("Incidente", "Incident", ""),
        ("Por qué", "Why", ""),
        ("Lugares", "Places", "n"),
        ("Habitantes", "People", "n"),
        ("Abierto (UTC)", "Opened (UTC)", ""),
    )
    rest = len(facts.incidents) - _INCIDENT_ROWS_MAX
    more = two("Otros {n} incidentes: en incidents.json.", "{n} more incidents: in incidents.json.", n=whole(rest))
    return tag("section", heading, table(columns, rows), tag("p", more, class_="note") if rest > 0 else None)


def incident_maps(run: Run, facts: Digest) -> Html:
    """A zoomed map and the latest steps of each of the most important incidents."""
    if not facts.mapped:
        return Html()
    messages = [message for message, _ in latest(run.messages)]
    cards = [_incident_card(run, facts, messages, number, incident) for number, incident in facts.mapped]
    return tag(
        "section",
        tag("h2", two("Los incidentes más importantes, de cerca", "The most important incidents, close up")),
        maps.zoom_legend(),
        tag("div", *cards, class_="cards"),
    )


def _incident_card(run: Run, facts: Digest, messages: list[Message], number: int, incident: Incident) -> Html:
    chosen = set(incident.hazards)
    hazards = [facts.hazards[h] for h in incident.hazards if h in facts.hazards][-_HAZARDS_ON_MAP_MAX:]
    near = of_hazards(run.exposures, chosen, shown_max=_MAP_PLACES_MAX)
    marks = [maps.Mark(place.lon, place.lat, place.name) for place in near if not math.isnan(place.lon)]
    marks += could_reach(run, chosen)[:_MAP_PLACES_MAX]
    warning = next((m for m in messages if incident.id in m.incidents and m.polygons), None)
    picture = maps.zoom(hazards, marks, warning.polygons if warning else ())
    steps = [
        tag("li", tag("span", moment(parse_time(step.time)), " UTC ", class_="time"), _change(step.change), " ",
            name(step.detail) if step.detail else None)
        for step in incident.timeline[-_STEPS_SHOWN:]
    ]  # fmt: skip
    return tag(
        "article",
        tag("h3", _badge(number), " ", _title(incident, facts)),
        tag("p", _priority(incident), " ", sentence(_nearest(near), " ", _extent(hazards))),
        picture,
        tag("ul", *steps, class_="steps") if steps else None,
        class_="card",
    )


_CHANGES = {
    "opened": ("abierto", "opened"),
    "changed": ("cambió", "changed"),
    "joined": ("se sumó un peligro", "a hazard joined"),
    "priority": ("subió la prioridad", "priority raised"),
    "merged": ("unido", "merged"),
    "closed": ("cerrado", "closed"),
    "warned": ("aviso redactado", "warning drafted"),
    "warning": ("aviso redactado", "warning drafted"),
}


def _change(code: str) -> Html:
    return word(_CHANGES, code)


def _nearest(near: list[Exposed]) -> Html:
    if not near:
        return Html()
    first = near[0]
    return two("Más cerca: {p}, a {d}.", "Nearest: {p}, {d} away.", p=name(first.name), d=distance(first.distance_m))


def _extent(hazards: list[Hazard]) -> Html:
    fires = [h.properties for h in hazards if h.properties.kind == "fire"]
    quake = next((h.properties for h in hazards if h.properties.kind == "earthquake"), None)
    if quake is not None and quake.magnitude is not None:
        depth = decimal(quake.depth_km, 0)
        return two(
            "Magnitud {m}, a {d} km de profundidad.", "Magnitude {m}, {d} km deep.", m=decimal(quake.magnitude), d=depth
        )
    size = sum(fire.area_km2 or 0.0 for fire in fires)
    if not size:
        return Html()
    seen = max((fire.last_seen or "" for fire in fires), default="")
    return two("Superficie detectada: {a}; visto por última vez {t} UTC.", "Area detected: {a}; last seen {t} UTC.",
               a=area(size), t=moment(parse_time(seen)))  # fmt: skip


def growth_charts(run: Run, facts: Digest) -> Html:
    """Area and radiative power over time, of the hazards of the mapped incidents and the largest others."""
    timeline = run.timeline
    if timeline is None or "hazard_id" not in timeline.column_names or not timeline.num_rows:
        return Html()
    wanted = _charted(facts)
    ids = timeline.column("hazard_id").cast(pa.string())
    part = timeline.set_column(timeline.column_names.index("hazard_id"), "hazard_id", ids)
    part = part.filter(pc.is_in(ids, pa.array(list(wanted), pa.string())))
    figures: list[Html] = []
    for hazard, number in wanted.items():
        chart = growth(part, hazard)
        if chart is None:
            continue
        facts_of = facts.hazards[hazard].properties
        title = join([_badge(number), " ", facts.hazard_name(hazard)])
        figures.append(tag("figure", tag("figcaption", title, " · ", area(facts_of.area_km2)), chart))
        if len(figures) == _CHARTS_MAX:
            break
    if not figures:
        return Html()
    return tag(
        "section",
        tag("h2", two("Cómo crecieron", "How they grew")),
        tag(
            "p",
            two("Horas en UTC. Entre dos pasadas del satélite no hay medición: la línea sube cuando algo se ve, "
                "no cuando ocurre.",
                "Times in UTC. Nothing is measured between two satellite passes: the line rises when growth is seen, "
                "not when it happens."),
            class_="note",
        ),
        tag("div", *figures, class_="cards"),
    )  # fmt: skip


def _charted(facts: Digest) -> dict[str, int | None]:
    wanted: dict[str, int | None] = {}
    for number, incident in facts.mapped:
        own = [facts.hazards[h] for h in incident.hazards if h in facts.hazards]
        fires = [h for h in own if h.properties.kind == "fire"]
        if fires:
            largest = max(fires, key=lambda h: h.properties.area_km2 or 0.0)
            wanted.setdefault(largest.properties.id, number)
    others = [h for h in facts.hazards.values() if h.properties.kind == "fire" and not h.properties.suppressed]
    others.sort(key=lambda h: (-(h.properties.area_km2 or 0.0), h.properties.id))
    for hazard in others[:_CHARTS_MAX]:
        wanted.setdefault(hazard.properties.id, None)
    return wanted


def exposed_table(facts: Digest) -> Html:
    """Places within reach now, the most urgent first."""
    found = facts.exposures
    heading = tag("h2", two("Lugares al alcance de un peligro", "Places within reach of a hazard"))
    notes = []
    if found.places > len(found.now):
        notes.append(
            two("Se muestran los {s} más importantes de {n}; todos están en exposures.csv.",
                "The {s} most important of {n} are shown; all are in exposures.csv.",
                s=whole(min(found.places, PLACES_MAX)), n=whole(found.places))
        )  # fmt: skip
    if found.ended:
        notes.append(two("{n} exposiciones ya terminaron.", "{n} exposures are over.", n=whole(found.ended)))
    if found.suppressed:
        notes.append(
            two("{n} exposiciones a focos de calor que no son incendios no se muestran.",
                "{n} exposures to heat sources that are no wildfires are not shown.", n=whole(found.suppressed))
        )  # fmt: skip
    note = tag("p", join(notes, " "), class_="note") if notes else None
    if not found.now:
        return tag("section", heading, tag("p", two("Ninguno ahora.", "None now."), class_="none"), note)
    numbers = {hazard: number for number, incident in reversed(facts.mapped) for hazard in incident.hazards}
    columns = (
        ("N.º", "No.", ""),
        ("Lugar", "Place", ""),
        ("Habitantes", "People", "n"),
        ("Distancia", "Distance", "n"),
        ("Desde (UTC)", "Since (UTC)", ""),
        ("Certeza", "Certainty", ""),
        ("Peligro", "Hazard", ""),
    )
    rows = [_exposed_row(place, facts, numbers.get(place.hazard_id)) for place in found.now]
    return tag("section", heading, note, table(columns, rows))


def _exposed_row(place: Exposed, facts: Digest, number: int | None) -> Html:
    kind = [word(PLACE_KINDS, place.kind)] if place.kind else []
    where = join([*kind, *(name(part) for part in (place.admin, place.country) if part)], ", ")
    basis = join([" (MMI ", decimal(place.mmi), ")"]) if place.mmi is not None and not math.isnan(place.mmi) else Html()
    others = place.hazards - 1
    more = two(" y {n} más", " and {n} more", n=whole(others)) if others else Html()
    return tag(
        "tr",
        tag("td", _badge(number)),
        tag("td", tag("b", name(place.name)), tag("div", sentence(where), class_="id")),
        _number_cell(place.population),
        tag("td", distance(place.distance_m), class_="n", data_v=place.distance_m),
        tag("td", moment(place.since), class_="time"),
        tag(
            "td", word(CERTAINTIES, place.certainty), tag("div", sentence(word(BASES, place.basis), basis), class_="id")
        ),
        tag("td", sentence(facts.hazard_name(place.hazard_id), more)),
    )


def table(columns: tuple[tuple[str, str, str], ...], rows: list[Html]) -> Html:
    """A table whose columns (Spanish, English, "n" for numbers) a script can sort."""
    head = (tag("th", two(es, en), class_=kind or None, scope="col") for es, en, kind in columns)
    return tag("div", tag("table", tag("thead", tag("tr", *head)), tag("tbody", *rows), class_="data"), class_="scroll")


def _number_cell(value: float | None) -> Html:
    return tag("td", whole(value), class_="n", data_v=-1 if value is None else value)


def _strong(content: Html) -> Html:
    return tag("strong", content)


def _badge(number: int | None) -> Html:
    return tag("span", number, class_="badge") if number is not None else Html()


def _priority(incident: Incident) -> Html:
    pair = PRIORITIES.get(incident.priority)
    text = two(*pair) if pair else whole(incident.priority)
    state = Html() if incident.status == "open" else join([" · ", word(STATES, incident.status)])
    return tag("span", sentence(text, state), class_=f"priority p{min(max(incident.priority, 1), 4)}")


def _title(incident: Incident, facts: Digest) -> Html:
    kind = tag("b", word(KINDS, incident.kind))
    if incident.label:
        return sentence(kind, ": ", name(incident.label))
    return sentence(kind, ": ", facts.hazard_name(incident.hazards[0])) if incident.hazards else sentence(kind)


def _sentence(incident: Incident, facts: Digest) -> Html:
    reasons = [reason(code) for code in incident.reasons[:3]]
    return join([_title(incident, facts), " – " if reasons else "", join(reasons, "; "), "."])
