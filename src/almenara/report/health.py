"""The sections on the data: what was read, what was not, which sources are silent, whom to credit."""

from typing import Any

from almenara.report.folder import Run
from almenara.report.markup import Html, decimal, join, name, tag, two, whole
from almenara.report.words import OUTCOMES, UNHEARD, word

_REASONS_SHOWN = 30
_SOURCES_SHOWN = 60


def data_health(run: Run) -> Html:
    """Rows read, accepted, superseded and rejected by reason; sources; time and memory."""
    rows = run.get("rows")
    rows = rows if isinstance(rows, dict) else {}
    summed = two(
        "{r} filas leídas: {a} aceptadas, {s} reemplazadas por una versión mejor o repetidas, {j} rechazadas.",
        "{r} rows read: {a} accepted, {s} superseded by a better version or repeated, {j} rejected.",
        r=whole(_number(rows.get("read"))),
        a=whole(_number(rows.get("accepted"))),
        s=whole(_number(rows.get("superseded"))),
        j=whole(_number(rows.get("rejected"))),
    )
    return tag(
        "section",
        tag("h2", two("Salud de los datos", "Health of the data")),
        tag("p", summed),
        _rejections(rows.get("rejected_by_reason")),
        _sources(run.get("sources")),
        _costs(run),
    )


def attributions(run: Run, basemap: str) -> Html:
    """Credit lines and the digest of the run's state."""
    given = run.get("attributions")
    lines = [str(line) for line in given if line] if isinstance(given, list) else []
    lines = list(dict.fromkeys([*lines, f"{basemap} (mapa de fondo · base map)"]))
    stated = run.get("state_digest")
    return tag(
        "section",
        tag("h2", two("Créditos y huella del estado", "Credits and digest of the state")),
        tag("ul", *(tag("li", name(line)) for line in lines)),
        tag(
            "p",
            two("Las mismas entradas dan esta misma huella: ", "The same inputs give this same digest: "),
            tag("code", stated if stated else "–"),
        ),
        class_="credits",
    )


def _rejections(by_reason: object) -> Html:
    if not isinstance(by_reason, dict) or not by_reason:
        return Html()
    ordered = sorted(by_reason.items(), key=lambda item: (-(_number(item[1]) or 0), str(item[0])))
    items = [
        tag("tr", tag("td", name(str(reason).replace("-", " "))), tag("td", whole(_number(count)), class_="n"))
        for reason, count in ordered[:_REASONS_SHOWN]
    ]
    heads = tag(
        "tr", tag("th", two("Motivo de rechazo", "Reason for rejection")), tag("th", two("Filas", "Rows"), class_="n")
    )
    return tag("table", tag("thead", heads), tag("tbody", *items), class_="data narrow")


def _sources(sources: object) -> Html:
    found = [source for source in sources if isinstance(source, dict)] if isinstance(sources, list) else []
    if not found:
        return Html()
    silent = [source for source in found if source.get("outcome") in UNHEARD]
    found = [*silent, *(source for source in found if source.get("outcome") not in UNHEARD)]
    alarm = Html()
    if silent:
        names = join([name(source.get("name", "?")) for source in silent], ", ")
        alarm = tag(
            "p",
            two("⚠ {s}: sin noticias. Sin datos no significa sin fuego: los peligros que estas fuentes vigilan se "
                "desconocen, no han terminado.",
                "⚠ {s}: not heard. No data is not no fire: the hazards these sources watch are unknown, not over.",
                s=names),
            class_="alarm",
        )  # fmt: skip
    heads = tag(
        "tr",
        tag("th", two("Fuente", "Source")),
        *(
            tag("th", two(es, en), class_="n")
            for es, en in (
                ("Archivos", "Files"),
                ("Leídas", "Read"),
                ("Aceptadas", "Accepted"),
                ("Reemplazadas", "Superseded"),
                ("Rechazadas", "Rejected"),
            )
        ),
        tag("th", two("Estado", "State")),
    )
    body = [_source_row(source) for source in found[:_SOURCES_SHOWN]]
    rest = len(found) - len(body)
    note = tag("p", two("y {n} fuentes más", "and {n} more sources", n=whole(rest)), class_="note") if rest else None
    shown = tag("table", tag("thead", heads), tag("tbody", *body), class_="data")
    return join([alarm, tag("div", shown, class_="scroll"), note])


def _source_row(source: dict[str, Any]) -> Html:
    files = source.get("files")
    count = len(files) if isinstance(files, list) else _number(files)
    outcome = source.get("outcome")
    unheard = outcome in UNHEARD
    cells = [whole(count), *(whole(_number(source.get(key))) for key in ("read", "accepted", "superseded", "rejected"))]
    return tag(
        "tr",
        tag("td", name(source.get("name", "?"))),
        *(tag("td", cell, class_="n") for cell in cells),
        tag("td", "⚠ " if unheard else "", word(OUTCOMES, str(outcome) if outcome else None)),
        class_="alarm" if unheard else None,
    )


def _costs(run: Run) -> Html:
    seconds = run.get("seconds")
    parts: list[Html] = []
    if isinstance(seconds, dict):
        known = [(stage, _number(value)) for stage, value in seconds.items()]
        parts = [join([name(stage), " ", decimal(value, 2), " s"]) for stage, value in known if value is not None]
    memory = _number(run.get("peak_memory_mb"))
    if memory is not None:
        parts.append(two("memoria máxima {m} MB", "peak memory {m} MB", m=whole(memory)))
    return tag("p", join(parts, " · "), class_="note") if parts else Html()


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
