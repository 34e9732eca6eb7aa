"""A message as a person reads it: who warns of what, where, until when, and what to do; in Spanish or English words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from almenara.cli._cap_input import Words, shown

if TYPE_CHECKING:
    from datetime import datetime

    from almenara.model.cap import Alert, Area, Info, Reading


#: What is more is counted, not shown; --json has all of it.
REFERENCES_SHOWN = 20
INFOS_SHOWN = 50
AREAS_SHOWN = 200
CHARS_SHOWN = 10_000

LABELS = {
    Words.EN: {
        "from": "From", "sent": "Sent", "kind": "Kind", "for": "For", "refers": "Refers to", "version": "Form",
        "signed": "signed (not verified: almenara cap verify)", "unsigned": "not signed", "category": "Category",
        "event": "Event", "assessment": "Assessment", "response": "Response", "from_time": "Starts", "until": "Until",
        "area": "Area", "instruction": "What to do", "contact": "Contact", "codes": "Codes", "files": "Files",
        "polygons": "polygons", "vertices": "vertices", "circles": "circles", "geocodes": "geocodes",
        "lifted": "Lifted", "no_shape": "no shape", "note": "Note",
        "no_info": "This message says nothing but the above.",
    },
    Words.ES: {
        "from": "De", "sent": "Enviado", "kind": "Clase", "for": "Para", "refers": "Se refiere a", "version": "Forma",
        "signed": "firmado (sin verificar: almenara cap verify)", "unsigned": "sin firma", "category": "Categoría",
        "event": "Evento", "assessment": "Evaluación", "response": "Respuesta", "from_time": "Desde", "until": "Hasta",
        "area": "Área", "instruction": "Qué hacer", "contact": "Contacto", "codes": "Códigos", "files": "Archivos",
        "polygons": "polígonos", "vertices": "vértices", "circles": "círculos", "geocodes": "geocódigos",
        "lifted": "Adaptado", "no_shape": "sin forma", "note": "Nota",
        "no_info": "Este mensaje no dice más que lo anterior.",
    },
}  # fmt: skip


def print_message(console: Console, origin: str, reading: Reading, signed: bool, words: Words) -> None:
    """The message in a frame, one block for each language."""
    labels, alert = LABELS[words], reading.alert
    head = _grid()
    head.add_row(labels["from"], _text(f"{alert.sender}  {alert.identifier}"))
    head.add_row(labels["sent"], _text(_time(alert.sent)))
    head.add_row(labels["kind"], _text(f"{alert.status} · {alert.msg_type}"))
    head.add_row(labels["for"], _text(_audience(alert)))
    for reference in alert.references[:REFERENCES_SHOWN]:
        head.add_row(labels["refers"], _text(f"{reference.sender}  {reference.identifier}  {_time(reference.sent)}"))
    if len(alert.references) > REFERENCES_SHOWN:
        head.add_row("", _text(f"+ {len(alert.references) - REFERENCES_SHOWN:,}"))
    if alert.note:
        head.add_row(labels["note"], _text(alert.note))
    head.add_row(labels["version"], _text(f"CAP {reading.version}, {labels['signed' if signed else 'unsigned']}"))
    for note in reading.notes:
        head.add_row(labels["lifted"], _text(note))
    blocks: list[Group | Text] = [_block(info, labels) for info in alert.info[:INFOS_SHOWN]]
    blocks += [Text(labels["no_info"])] if not alert.info else []
    blocks += [Text(f"\n+ {len(alert.info) - INFOS_SHOWN:,}")] if len(alert.info) > INFOS_SHOWN else []
    console.print(Panel(Group(head, *blocks), title=_text(origin), title_align="left"))


def _block(info: Info, labels: dict[str, str]) -> Group:
    table = _grid()
    table.add_row(labels["event"], _text(f"{info.event} ({', '.join(info.category)})"))
    table.add_row(labels["assessment"], _text(f"{info.urgency} · {info.severity} · {info.certainty}"))
    if info.response_type:
        table.add_row(labels["response"], _text(", ".join(info.response_type)))
    begins = info.onset or info.effective
    if begins is not None:
        table.add_row(labels["from_time"], _text(_time(begins)))
    table.add_row(labels["until"], _text(_time(info.expires) if info.expires else "—"))
    for area in info.area[:AREAS_SHOWN]:
        table.add_row(labels["area"], _text(f"{area.area_desc} ({_extent(area, labels)})"))
    if len(info.area) > AREAS_SHOWN:
        table.add_row("", _text(f"+ {len(info.area) - AREAS_SHOWN:,}"))
    if info.event_code:
        codes = (f"{code.value_name}={code.value}{_term(code.value_name, code.value)}" for code in info.event_code)
        table.add_row(labels["codes"], _text(", ".join(codes)))
    for resource in info.resource:
        place = resource.uri or ""
        table.add_row(labels["files"], _text(f"{resource.resource_desc} ({resource.mime_type}) {place}"))
    if info.contact or info.web:
        table.add_row(labels["contact"], _text("  ".join(filter(None, (info.sender_name, info.contact, info.web)))))
    title = Text(f"\n[{info.language or 'en-US'}] ", style="bold")
    parts: list[Text] = [title.append_text(_text(info.headline or info.event))]
    parts += [_text(info.description)] if info.description else []
    if info.instruction:
        table.add_row(labels["instruction"], _text(info.instruction))
    return Group(*parts, table)


def _extent(area: Area, labels: dict[str, str]) -> str:
    from almenara.model.cap.extent import area_km2, shape

    parts = []
    if area.polygon:
        vertices = sum(len(ring) - 1 for ring in area.polygon)
        parts.append(f"{labels['polygons']} {len(area.polygon)}, {labels['vertices']} {vertices:,}")
    if area.circle:
        parts.append(f"{labels['circles']} {len(area.circle)}")
    if area.polygon or area.circle:
        parts.append(f"{area_km2(shape([area])):,.1f} km²")
    if area.geocode:
        parts.append(f"{labels['geocodes']} {len(area.geocode)}")
    return ", ".join(parts) or labels["no_shape"]


def _term(list_name: str, code: str) -> str:
    from almenara.model.cap.event_terms import LIST_NAME, event_terms

    term = event_terms().get(code) if list_name == LIST_NAME else None
    return f" ({term})" if term else ""


def _audience(alert: Alert) -> str:
    return " ".join([alert.scope, *filter(None, [alert.restriction]), *alert.addresses])


def _grid() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _text(text: str) -> Text:
    """Harmless, and without the indentation that it had in its file."""
    cut = text if len(text) <= CHARS_SHOWN else f"{text[:CHARS_SHOWN]}… (+ {len(text) - CHARS_SHOWN:,})"
    return Text("\n".join(" ".join(line.split()) for line in shown(cut).strip().splitlines()))


def _time(time: datetime) -> str:
    return time.strftime("%Y-%m-%d %H:%M %z")
