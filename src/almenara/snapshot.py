"""The state as bytes: what is kept beside the log so that a restart need not read all of it."""

import math
import struct
from typing import Any

import msgspec
import numpy as np

from almenara.model.errors import UnknownSnapshot
from almenara.pipeline import State
from almenara.stages import exposure, incidents, observations, reach, source_health
from almenara.stages.attention import State as Attention
from almenara.stages.outbox import State as Outbox
from almenara.stages.public_warnings import Policy
from almenara.stages.public_warnings import State as Warnings

#: What a snapshot begins with: its form, and the length of what is said before the arrays.
_SNAPSHOT = struct.Struct(">8sQ")
_SNAPSHOT_FORMAT = b"state  6"


def to_bytes(state: State) -> bytes:
    """The whole state for a snapshot."""
    arrays: dict[str, Any] = {}
    values: dict[str, Any] = {"now_ms": state.now_ms, "policy": msgspec.to_builtins(state.policy)}
    seen, values["observations"] = observations.to_parts(state.observations)
    arrays |= {f"observations/{name}": a for name, a in seen.items()}
    for kind, follower in state.hazards.items():
        own, values[f"hazards/{kind}"] = follower.to_parts()
        arrays |= {f"hazards/{kind}/{name}": a for name, a in own.items()}
    values["health"] = [msgspec.to_builtins(feed) for feed in state.health.feeds.values()]
    values["imports"] = state.exposure.imports
    values["edits"] = state.exposure.edits
    values["unmet"] = state.exposure.unmet
    values["exposures"] = state.exposure.exposures
    values["reach"] = state.reach.near
    values["incidents"] = [msgspec.to_builtins(i) for i in state.incidents.incidents.values()]
    values["warnings"] = state.warnings.to_bytes()
    values["outbox"] = state.outbox.to_bytes()
    values["attention"] = state.attention.to_values()
    listed = [(name, a.dtype.str, a.shape) for name, a in arrays.items()]
    head = msgspec.msgpack.encode({"values": values, "arrays": listed})
    parts: list[Any] = [_SNAPSHOT.pack(_SNAPSHOT_FORMAT, len(head)), head]
    # Copied once, at the speed of memory: the chain stands still meanwhile.
    parts += [np.ascontiguousarray(a).reshape(-1).view(np.uint8) for a in arrays.values()]
    return b"".join(parts)


def from_bytes(data: bytes) -> State:
    """The state that `to_bytes` wrote. Raises UnknownSnapshot for one that another version wrote."""
    if len(data) < _SNAPSHOT.size or data[:8] != _SNAPSHOT_FORMAT:
        raise UnknownSnapshot("This snapshot was written by another version of Almenara.")
    _, length = _SNAPSHOT.unpack_from(data)
    at = _SNAPSHOT.size + length
    content = msgspec.msgpack.decode(memoryview(data)[_SNAPSHOT.size : at])
    values = content["values"]
    arrays = {}
    for name, kind, shape in content["arrays"]:
        size = math.prod(shape) * np.dtype(kind).itemsize
        arrays[name] = np.frombuffer(data[at : at + size], kind).reshape(shape)
        at += size

    def under(prefix: str) -> dict[str, Any]:
        return {name[len(prefix) :]: a for name, a in arrays.items() if name.startswith(prefix)}

    state = State(now_ms=values["now_ms"], policy=msgspec.convert(values["policy"], Policy))
    state.observations = observations.from_parts(under("observations/"), values["observations"])
    for kind, follower in state.hazards.items():
        follower.load_parts(under(f"hazards/{kind}/"), values[f"hazards/{kind}"])
    for raw in values["health"]:
        state.health.feeds[raw["origin"]] = msgspec.convert(raw, source_health.Feed)
    state.exposure.imports, state.exposure.edits = values["imports"], values["edits"]
    exposure.rebuild(state.exposure)
    state.exposure.unmet = values["unmet"]
    state.exposure.exposures = msgspec.convert(values["exposures"], dict[str, dict[str, exposure.Exposure]])
    state.reach.near = msgspec.convert(values["reach"], dict[str, dict[str, reach.Near]])
    for raw in values["incidents"]:
        incident = msgspec.convert(raw, incidents.Incident)
        state.incidents.incidents[incident.id] = incident
        state.incidents.of_hazard.update(dict.fromkeys(incident.hazards, incident.id))
    state.warnings = Warnings.from_bytes(values["warnings"])
    state.outbox = Outbox.from_bytes(values["outbox"])
    if "attention" in values:  # else it was written before persons could give any
        state.attention = Attention.from_values(values["attention"])
    return state
