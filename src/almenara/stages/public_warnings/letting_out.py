"""Letting a message out: it gets the time of that moment, and stays in all else what its approvers read."""

from datetime import timedelta

import msgspec

from almenara.model.cap import Alert, MsgType, from_ms
from almenara.model.errors import InvalidWarning


def stamped(draft: Alert, drafted_ms: int, now_ms: int) -> Alert:
    """The draft as it is let out at `now_ms`: `sent` and `effective` are that moment, and it lasts as long from there.

    A Cancel ends with what it takes back, however long it waited.
    """
    later = timedelta(seconds=now_ms // 1000 - drafted_ms // 1000)
    if not later:
        return draft
    zone = draft.sent.tzinfo
    assert zone is not None, "CAP times have an offset"
    sent = from_ms(now_ms, zone)
    lasts = timedelta() if draft.msg_type is MsgType.CANCEL else later
    infos = tuple(
        msgspec.structs.replace(
            info,
            effective=sent if info.effective is not None else None,
            expires=info.expires + lasts if info.expires is not None else None,
        )
        for info in draft.info
    )
    return msgspec.structs.replace(draft, sent=sent, info=infos)


def check_same(out: Alert, draft: Alert) -> None:
    """Raises InvalidWarning when a message differs from the draft in more than the times of its being let out."""
    if _timeless(out) != _timeless(draft):
        raise InvalidWarning(f"{draft.identifier}: the message that would leave does not say what was approved.")


def _timeless(alert: Alert) -> Alert:
    infos = tuple(msgspec.structs.replace(info, effective=None, expires=None) for info in alert.info)
    return msgspec.structs.replace(alert, sent=from_ms(0), info=infos)
