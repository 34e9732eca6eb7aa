"""The section of warnings: each message as the public reads it, in both languages."""

from almenara.report.cap import Info, Message, latest
from almenara.report.markup import Html, join, moment, name, safe, tag, two, whole
from almenara.report.words import CERTAINTIES, MESSAGE_TYPES, SEVERITIES, STATUSES, word

_SHOWN_MAX = 30
_DAMAGED_SHOWN = 5


def warnings(messages: list[Message], unread: int) -> Html:
    """The last message of each thread, newest first."""
    heading = tag("h2", two("Avisos como los lee la población", "Warnings as the public reads them"))
    damaged = [message for message in messages if message.damaged]
    threads = latest([message for message in messages if not message.damaged])
    parts = [_card(message, earlier) for message, earlier in threads[:_SHOWN_MAX]]
    if not parts:
        parts = [tag("p", two("Ninguno.", "None."), class_="none")]
    notes = []
    if len(threads) > _SHOWN_MAX:
        notes.append(
            two("Se muestran los {s} hilos más recientes de {n}; todos los mensajes están en la carpeta warnings.",
                "The {s} most recent threads of {n} are shown; all messages are in the folder warnings.",
                s=_SHOWN_MAX, n=whole(len(threads)))
        )  # fmt: skip
    if unread:
        notes.append(two("{n} mensajes más no fueron leídos.", "{n} more messages were not read.", n=whole(unread)))
    if damaged:
        files = ", ".join(f"{message.file} ({message.damaged})" for message in damaged[:_DAMAGED_SHOWN])
        notes.append(two("{n} mensajes ilegibles: {f}", "{n} unreadable messages: {f}", n=whole(len(damaged)), f=files))
    note = tag("p", join(notes, " "), class_="note") if notes else None
    return tag("section", heading, note, tag("div", *parts, class_="warnings"))


def _card(message: Message, earlier: int) -> Html:
    before = two("; reemplaza {n} anteriores", "; replaces {n} earlier", n=whole(earlier)) if earlier else Html()
    expires = next((info.expires for info in message.infos if info.expires), None)
    status = tag(
        "p",
        tag("strong", word(STATUSES, message.status), class_=f"status {message.status.lower()}"),
        " ",
        word(MESSAGE_TYPES, message.type),
        two(" · enviado {t} UTC", " · sent {t} UTC", t=moment(message.sent)),
        two(" · vence {t} UTC", " · expires {t} UTC", t=moment(expires)),
        before,
        class_="meta",
    )
    texts = [
        tag("div", _text(info, lang), lang=lang, class_="public")
        for lang in ("es", "en")
        if (info := message.info(lang)) is not None
    ]
    if not texts:
        texts = [tag("div", _text(info, "en"), class_="public") for info in message.infos[:1]]
    return tag("article", status, *texts, tag("p", name(message.identifier), class_="id"), class_="warning")


def _text(info: Info, lang: str) -> Html:
    spanish = lang == "es"
    rank = join(
        [
            "Gravedad: " if spanish else "Severity: ",
            _in(SEVERITIES, info.severity, spanish),
            " · certeza: " if spanish else " · certainty: ",
            _in(CERTAINTIES, info.certainty, spanish),
        ]
    )
    return join(
        [
            tag("h3", info.headline or info.event),
            tag("p", info.description) if info.description else "",
            tag("p", tag("b", "Qué hacer: " if spanish else "What to do: "), info.instruction)
            if info.instruction
            else "",
            tag("p", tag("b", "Dónde: " if spanish else "Where: "), info.area) if info.area else "",
            tag("p", rank, class_="id"),
        ]
    )


def _in(table: dict[str, tuple[str, str]], code: str, spanish: bool) -> Html:
    pair = table.get(code)
    return safe(pair[0 if spanish else 1] if pair else code or "–")
