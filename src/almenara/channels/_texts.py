"""A warning as plain text: for people who read it in a mail or on a small screen."""

from collections.abc import Sequence

from almenara.model.cap import Alert, Info, Status


def in_order(alert: Alert, languages: Sequence[str]) -> list[Info]:
    """The infos, those of the wanted languages first, in that order; all of them when no language is wanted."""
    if not languages:
        return list(alert.info)
    wanted = [tag.lower() for tag in languages]

    def rank(info: Info) -> int:
        tag = (info.language or "en-US").lower()
        return next((n for n, w in enumerate(wanted) if tag == w or tag.split("-")[0] == w.split("-")[0]), len(wanted))

    found = sorted(alert.info, key=rank)
    return [info for info in found if rank(info) < len(wanted)] or found


def title(alert: Alert, languages: Sequence[str] = ()) -> str:
    """One line: the headline, marked when it is not meant in earnest."""
    infos = in_order(alert, languages)
    text = " / ".join(dict.fromkeys(" ".join((info.headline or info.event).split()) for info in infos[:2]))
    mark = alert.status.value.upper()
    if alert.status is not Status.ACTUAL and mark not in text.upper():
        text = f"{mark}: {text}"
    return text or alert.identifier


def body(alert: Alert, languages: Sequence[str] = ()) -> str:
    """All that a person needs, a section for each language."""
    return "\n\n――――――――――\n\n".join(_section(info) for info in in_order(alert, languages))


def _section(info: Info) -> str:
    areas = "; ".join(area.area_desc for area in info.area)
    until = info.expires.isoformat(sep=" ", timespec="minutes") if info.expires is not None else ""
    signs = {"\u00a0": " "}
    parts = [
        info.headline or info.event,
        info.description,
        info.instruction,
        areas and f"→ {areas}",
        until and f"⏱ {until}",
        info.contact,
        info.web,
        info.sender_name,
    ]
    text = "\n\n".join(part for part in parts if part)
    for old, new in signs.items():
        text = text.replace(old, new)
    return text
