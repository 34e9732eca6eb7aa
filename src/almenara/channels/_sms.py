"""Short messages: which letters they have, how long they may be, and how a long one is cut (3GPP TS 23.038, 23.040)."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

SEGMENTS_MAX = 10
_GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_AT = {letter: at for at, letter in enumerate(_GSM) if letter != "\x1b"}
_GSM_ESCAPED = dict(zip("\f^{}\\[~]|€", (0x0A, 0x14, 0x28, 0x29, 0x2F, 0x3C, 0x3D, 0x3E, 0x40, 0x65), strict=True))
#: Signs that GSM 03.38 lacks and that plain ones can stand for.
_PLAIN = str.maketrans({"–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "\u00a0": " ", "→": "-", "−": "-"})
_GSM_CODING, _UCS2_CODING = 0x00, 0x08
_ONE_GSM, _PART_GSM, _ONE_UCS2, _PART_UCS2 = 160, 153, 140, 134


class Sms(NamedTuple):
    """A text and how it is coded."""

    text: str
    data_coding: int


def fit(lines: Sequence[str], last: str, segments_max: int) -> Sms:
    """The first line and the last, and between them as many of the others as fit whole into so many segments.

    A first line that is too long ends in "...".

    >>> fit(["Fire near Loja", "Leave now."], "#7", 1).text.splitlines()
    ['Fire near Loja', 'Leave now.', '#7']
    >>> fit(["Fuego 🔥"], "#7", 1).data_coding
    8
    """
    told = [" ".join(line.translate(_PLAIN).split()) for line in lines]
    text = told[0]
    while text and len(segments(coded(f"{text}\n{last}"), 0)) > segments_max:
        text = f"{text[: max(len(text) - max(len(text) // 50, 4), 0)].rstrip()}..." if len(text) > 4 else ""
    for line in told[1:]:
        if len(segments(coded(f"{text}\n{line}\n{last}"), 0)) <= segments_max:
            text = f"{text}\n{line}"
    return coded(f"{text}\n{last}")


def coded(text: str) -> Sms:
    """The text in GSM 03.38's letters where it has them all, else in UCS-2 (as UTF-16, which phones take for it)."""
    gsm = all(letter in _GSM_AT or letter in _GSM_ESCAPED for letter in text)
    return Sms(text, _GSM_CODING if gsm else _UCS2_CODING)


def segments(sms: Sms, reference: int) -> list[bytes]:
    """What goes into each short message: one, or several with a header that says which part of how many it is.

    No letter is cut in two. `reference` (0…255) ties the parts together.

    >>> [len(part) for part in segments(coded("x" * 160), 7)], [len(part) for part in segments(coded("x" * 161), 7)]
    ([160], [159, 14])
    """
    gsm = sms.data_coding == _GSM_CODING
    letters = list(_gsm_letters(sms.text)) if gsm else [letter.encode("utf-16-be") for letter in sms.text]
    if sum(map(len, letters)) <= (_ONE_GSM if gsm else _ONE_UCS2):
        return [b"".join(letters)]
    room = _PART_GSM if gsm else _PART_UCS2
    parts = [b""]
    for letter in letters:
        if len(parts[-1]) + len(letter) > room:
            parts.append(b"")
        parts[-1] += letter
    return [bytes((5, 0, 3, reference & 255, len(parts), at)) + part for at, part in enumerate(parts, start=1)]


def _gsm_letters(text: str) -> Iterator[bytes]:
    for letter in text:
        yield bytes((_GSM_AT[letter],)) if letter in _GSM_AT else bytes((0x1B, _GSM_ESCAPED[letter]))
