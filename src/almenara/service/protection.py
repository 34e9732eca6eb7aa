"""Places as persons change them: an import looked at before it is made, one place added, changed or taken out."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from almenara.model.errors import CommandRefused
from almenara.model.events import Event, PlaceChanged, PlaceRemoved, PlacesImported
from almenara.model.observations import from_ipc, to_ipc
from almenara.model.places import PLACES
from almenara.places import Places
from almenara.service.session import Session
from almenara.stages.public_warnings.approval import person


@dataclass(frozen=True, slots=True)
class Difference:
    """What an import would do to the places of its origin, by id."""

    added: int
    changed: int
    removed: int


def difference(before: bytes | None, after: pa.Table) -> Difference:
    """What changes when a table of places takes the place of the import before it (None: there was none)."""
    old = PLACES.empty_table() if before is None else from_ipc(before)
    known, new = _by_id(old), _by_id(after)
    return Difference(
        added=len(new.keys() - known.keys()),
        changed=sum(known[name] != new[name] for name in known.keys() & new.keys()),
        removed=len(known.keys() - new.keys()),
    )


def _by_id(table: pa.Table) -> dict[str, tuple[Any, ...]]:
    columns = [table.column(name).to_pylist() for name in PLACES.names]
    return {row[0]: row for row in zip(*columns, strict=True)}


def reasons_of(loaded: Places) -> dict[str, int]:
    """How many rows were kept out, by reason."""
    return dict(sorted(Counter(rejection.reason for rejection in loaded.rejections).items()))


def import_places(session: Session, loaded: Places, by: str, now_ms: int) -> list[Event]:
    """Make an import, and hold the hazards against it at once. Durable when it returns."""
    if not loaded.table.num_rows:
        raise CommandRefused("no-places", f"No place of {loaded.origin} can be used; nothing was imported.")
    event = PlacesImported(
        origin=loaded.origin,
        attribution=loaded.attribution,
        table=to_ipc(loaded.table),
        rejected=reasons_of(loaded),
        by=person(by),
    )
    return _take(session, event, now_ms)


def change_place(session: Session, table: pa.Table, by: str, now_ms: int) -> list[Event]:
    """Add a place, or say what one is now: a table (model.places.PLACES) of one row."""
    if table.num_rows != 1:
        raise CommandRefused("not-one-place", f"One place is changed at a time, not {table.num_rows}.")
    name = table.column("id")[0].as_py()
    return _take(session, PlaceChanged(place=name, table=to_ipc(table), by=person(by)), now_ms)


def remove_place(session: Session, place: str, by: str, now_ms: int) -> list[Event]:
    """Take a place out. Raises CommandRefused when there is none of that id."""
    if place not in session.state.exposure.rows:
        raise CommandRefused("unknown", "There is no place of that id.")
    return _take(session, PlaceRemoved(place=place, by=person(by)), now_ms)


def _take(session: Session, event: Event, now_ms: int) -> list[Event]:
    session.take(event)
    decided = session.step(max(now_ms, session.state.now_ms))
    session.commit()
    return [event, *decided]


def select(table: pa.Table, within: Callable[[Any, Any], Any] | None, kind: str | None, words: str | None) -> pa.Table:
    """The places in a box, of a kind, whose name holds some letters (in whichever case, with or without accents)."""
    if within is not None:
        table = table.filter(pa.array(within(table.column("lon").to_numpy(), table.column("lat").to_numpy())))
    if kind is not None:
        table = table.filter(pc.equal(table.column("kind"), kind))
    if words:
        table = table.filter(pc.match_substring(plain(table.column("name")), plain(pa.array([words]))[0].as_py()))
    return table


def plain(names: Any) -> Any:
    """Names in small letters without accents."""
    apart = pc.utf8_normalize(pc.utf8_lower(names), form="NFD")
    return pc.replace_substring_regex(apart, pattern=r"\p{Mn}", replacement="")
