"""The items of a JSON content (a list, or the features of GeoJSON), each with its own bytes."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from almenara.model.limits import JSON_BYTES_MAX, MIB, RAW_BYTES_MAX
from almenara.ports import Rejection
from almenara.sources.batch import shorten

_BOM = b"\xef\xbb\xbf"
#: Feeds have been published with their features wrapped in one list too many.
_NESTING_MAX = 2
#: What decoding raises for text that is no JSON, no UTF-8, or nested without end.
_NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(slots=True)
class Item:
    """One item of a content."""

    number: int  # 1, 2, …
    raw: memoryview
    fields: dict[str, Any]


class _Top(msgspec.Struct):
    type: msgspec.Raw = msgspec.Raw()
    features: msgspec.Raw = msgspec.Raw()


def looks_like_json(head: bytes) -> bool:
    """Whether a content begins as JSON does."""
    return head.removeprefix(_BOM).lstrip()[:1] in (b"{", b"[")


def looks_empty(head: bytes) -> bool:
    """Whether this is a whole JSON content without any item: [] or a FeatureCollection without features."""
    try:
        raws = _split(head.removeprefix(_BOM))
    except _NO_JSON:
        return False
    return raws == []


def read_items(path: Path, rows_max: int) -> Iterator[tuple[list[Item], list[Rejection]]]:
    """Items in batches of at most `rows_max`, those that are no objects as rejections.

    A content that is refused as a whole is one ([], [rejection with line 0]).
    """
    size = path.stat().st_size
    if size > JSON_BYTES_MAX:
        with path.open("rb") as file:
            head = file.read(RAW_BYTES_MAX)
        detail = f"{size:,} bytes of JSON; the bound is {JSON_BYTES_MAX // MIB} MiB"
        yield [], [Rejection(0, "json-too-large", detail, head)]
        return
    data = path.read_bytes().removeprefix(_BOM)
    if not data.strip():
        return
    try:
        raws = _split(data)
    except _NO_JSON as error:
        yield from _batches(_salvage(data, str(error)), rows_max)
        return
    if raws is None:
        detail = f"it begins with “{shorten(data[:200].decode('utf-8', 'replace').strip())}”"
        yield [], [Rejection(0, "not-this-feed", detail, data[:RAW_BYTES_MAX])]
        return
    yield from _batches((_read(number, memoryview(raw)) for number, raw in enumerate(raws, 1)), rows_max)


def _batches(readings: Iterator[Item | Rejection], rows_max: int) -> Iterator[tuple[list[Item], list[Rejection]]]:
    items: list[Item] = []
    rejections: list[Rejection] = []
    for reading in readings:
        if isinstance(reading, Item):
            items.append(reading)
        else:
            rejections.append(reading)
        if len(items) + len(rejections) == rows_max:
            yield items, rejections
            items, rejections = [], []
    if items or rejections:
        yield items, rejections


def _read(number: int, raw: memoryview) -> Item | Rejection:
    try:
        fields = msgspec.json.decode(raw)
    except _NO_JSON as error:
        return Rejection(number, "item-unreadable", str(error), bytes(raw[:RAW_BYTES_MAX]))
    if not isinstance(fields, dict):
        detail = f"“{shorten(bytes(raw[:100]).decode('utf-8', 'replace'))}” is no object"
        return Rejection(number, "item-unreadable", detail, bytes(raw[:RAW_BYTES_MAX]))
    return Item(number, raw, fields)


def _split(data: bytes) -> list[msgspec.Raw] | None:
    """The bytes of each item; None when the content is JSON of another form. Raises one of _NO_JSON."""
    if data.lstrip()[:1] == b"[":
        return _flatten(msgspec.json.decode(data, type=list[msgspec.Raw]))
    if data.lstrip()[:1] != b"{":
        msgspec.json.decode(data)
        return None
    top = msgspec.json.decode(data, type=_Top)
    if bytes(top.type) == b'"Feature"':
        return [msgspec.Raw(data)]
    if bytes(top.features)[:1] != b"[":
        return None
    return _flatten(msgspec.json.decode(top.features, type=list[msgspec.Raw]))


def _flatten(raws: list[msgspec.Raw], depth: int = 0) -> list[msgspec.Raw]:
    if depth == _NESTING_MAX or not any(bytes(memoryview(raw)[:1]) == b"[" for raw in raws):
        return raws
    flat: list[msgspec.Raw] = []
    for raw in raws:
        nested = bytes(memoryview(raw)[:1]) == b"["
        flat += _flatten(msgspec.json.decode(raw, type=list[msgspec.Raw]), depth + 1) if nested else [raw]
    return flat


_BEFORE_ITEMS = re.compile(r'\s*(?:\[|\{.*?"features"\s*:\s*\[)', re.DOTALL)
_BETWEEN_ITEMS = re.compile(r"[\s,\[\]]*")


def _salvage(data: bytes, problem: str) -> Iterator[Item | Rejection]:
    """The whole items of a content that is no valid JSON, up to the first that cannot be read, and that one."""
    text = data.decode("utf-8", "replace")
    decoder = json.JSONDecoder()
    start = _BEFORE_ITEMS.match(text)
    number = 0
    position = len(text) if start is None else start.end()
    while position < len(text):
        gap = _BETWEEN_ITEMS.match(text, position)
        assert gap is not None  # it matches nothing at all, too
        position = gap.end()
        if not text.startswith("{", position):
            break
        try:
            fields, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):  # ValueError: a number of thousands of digits, too
            break
        number += 1
        yield Item(number, memoryview(text[position:end].encode()), fields)
        position = end
    if number:
        raw = text[position : position + RAW_BYTES_MAX].encode()[:RAW_BYTES_MAX]
        yield Rejection(number + 1, "json-cut-off", problem, raw)
    else:
        yield Rejection(0, "json-malformed", problem, data[:RAW_BYTES_MAX])
