"""The places that are protected: what was imported, and over it what persons said place by place."""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from almenara.model.observations import from_ipc
from almenara.model.places import PLACES


def protected(imports: Mapping[str, bytes], edits: Mapping[str, bytes | None]) -> pa.Table:
    """One table (model.places.PLACES) of all imports by origin, and of all edits by place: a row, or None without it.

    An edit stands in the place of every row of its id, and nothing stands in the place of one that was taken out.
    """
    tables = [from_ipc(table) for _, table in sorted(imports.items())]
    places = pa.concat_tables(tables).combine_chunks() if tables else PLACES.empty_table()
    places = _with_own_ids(places, [o for o, t in zip(sorted(imports), tables, strict=True) for _ in range(len(t))])
    if not edits:
        return places
    untouched = places.filter(pc.invert(pc.is_in(places.column("id"), pa.array(list(edits), pa.string()))))
    by_hand = [from_ipc(row) for _, row in sorted(edits.items()) if row is not None]
    return pa.concat_tables([untouched, *by_hand]).combine_chunks()


def _with_own_ids(places: pa.Table, origins: list[str]) -> pa.Table:
    """Ids are unique within an import only: one that another import has too is told apart by its origin."""
    ids = places.column("id").to_pylist()
    if len(set(ids)) == len(ids):
        return places
    seen: set[str] = set()
    own = []
    for place, origin in zip(ids, origins, strict=True):
        own.append(f"{origin}/{place}" if place in seen else place)
        seen.add(own[-1])
    return places.set_column(0, PLACES.field("id"), pa.array(own, pa.string()))
