"""The section on places that fires could reach: advice with its hours and its doubts, apart from what was observed."""

from collections.abc import Mapping

from almenara.report.digest import Digest
from almenara.report.folder import Run
from almenara.report.markup import Html, decimal, distance, join, many, name, sentence, tag, two, whole
from almenara.report.reachable import Reachable, count, or_far, reachable
from almenara.report.sections import table
from almenara.report.words import PLACE_KINDS, word

ROWS_MAX = 200

#: What a band says of the places in it and in no narrower one.
BANDS: dict[str, tuple[str, str]] = {
    "P50": (
        "P50 · la mitad de los incendios comparables llegó así de lejos",
        "P50 · half of comparable fires came so far",
    ),
    "P80": ("P80 · de 20 a 50 de 100 llegaron así de lejos", "P80 · 20 to 50 in 100 came so far"),
    "P95": ("P95 · de 5 a 20 de 100 llegaron así de lejos", "P95 · 5 to 20 in 100 came so far"),
}
BASES: dict[str, tuple[str, str]] = {
    "own advance": ("según su propio avance", "from its own advance"),
    "pooled prior": ("incendio nuevo: según otros incendios", "new fire: from other fires"),
}


def headline(run: Run) -> Html | None:
    """One sentence, None when there is nothing to say."""
    found = count(run)
    if not found:
        return None
    return join([
        many(found, ("lugar podría ser alcanzado", "lugares podrían ser alcanzados"),
             ("place could be reached", "places could be reached")),
        two(" por un incendio en 24 horas: consejo para el oficial, no aviso.",
            " by a fire within 24 hours: advice for the officer, no warning."),
    ])  # fmt: skip


def reach_section(run: Run, facts: Digest) -> Html:
    """Places that could be reached, with their hours, and what the bands do not know."""
    heading = tag("h2", two("Lugares que un incendio podría alcanzar en 24 horas",
                            "Places that a fire could reach within 24 hours"))  # fmt: skip
    caution = tag("p", two(
        "Podría, no: va a. De esta tabla no nace ningún aviso. Las bandas salen de cuánto avanzó cada incendio en su "
        "último día y de cuánto avanzaron otros: no conocen viento, combustible ni relieve. En los incendios apartados "
        "para la prueba, la banda P95 contuvo todo lo que ardió en 91 a 98 de 100 casos, según la clase; la mayoría de "
        "los lugares de una banda no fue alcanzada. Un lugar que aquí falta no está por eso a salvo.",
        "Could, not will. No warning comes from this table. The bands rest on how far each fire came in its last day "
        "and on how far others did: they know no wind, fuel or ground. On the fires kept for the test the P95 band "
        "held all that burned in 91 to 98 of 100 cases, by class; most places in a band were not reached. A place that "
        "is missing here is not thereby safe."), class_="note")  # fmt: skip
    found = reachable(run)
    if not found:
        return tag("section", heading, tag("p", two("Ninguno ahora.", "None now."), class_="none"))
    numbers = {hazard: number for number, incident in reversed(facts.mapped) for hazard in incident.hazards}
    columns = (
        ("N.º", "No.", ""),
        ("Lugar", "Place", ""),
        ("Habitantes", "People", "n"),
        ("Distancia", "Distance", "n"),
        ("Lo antes posible", "At the earliest", "n"),
        ("Qué seguro", "How sure", ""),
        ("Incendio", "Fire", ""),
    )
    rows = [_row(place, facts, numbers) for place in found[:ROWS_MAX]]
    rest = len(found) - ROWS_MAX
    more = two("Otros {n}: en exposures.csv.", "{n} more: in exposures.csv.", n=whole(rest))
    return tag(
        "section",
        heading,
        caution,
        table(columns, rows),
        tag("p", more, class_="note") if rest > 0 else None,
        class_="reach",
    )


def _row(place: Reachable, facts: Digest, numbers: Mapping[str, int]) -> Html:
    kind = [word(PLACE_KINDS, place.kind)] if place.kind else []
    number = numbers.get(place.hazard_id)
    doubt = Html() if place.calibrated else two("; sin calibrar: banda de un plazo mayor",
                                                "; not calibrated: band of a longer horizon")  # fmt: skip
    return tag(
        "tr",
        tag("td", tag("span", number, class_="badge") if number is not None else Html()),
        tag(
            "td",
            tag("b", name(place.name)),
            tag("div", sentence(join([*kind, *(name(part) for part in place.where)], ", ")), class_="id"),
        ),
        tag("td", whole(place.population), class_="n", data_v=-1 if place.population is None else place.population),
        tag("td", distance(place.distance_m), class_="n", data_v=place.distance_m),
        tag("td", _lead(place.lead_h[0]), class_="n", data_v=or_far(place.lead_h[0])),
        tag(
            "td",
            word(BANDS, place.band),
            tag("div", sentence(word(BASES, place.basis), doubt), class_="id"),
        ),
        tag("td", sentence(facts.hazard_name(place.hazard_id))),
    )


def _lead(hours: float | None) -> Html:
    if hours is None:
        return Html("–")
    if hours <= 0.0:
        return two("ya", "already")
    return two("en {h} h", "in {h} h", h=decimal(hours, 0 if hours >= 10 else 1))
