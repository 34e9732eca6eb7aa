"""Events to bytes and back: every type round-trips, older entries are lifted, newer and broken ones are refused."""

from contextlib import suppress
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from almenara.model import events as events_module
from almenara.model.codec import UPCASTS, decode, encode
from almenara.model.errors import UnknownEvent
from almenara.model.events import EVENTS, Event, SourceSilent, StepTaken, WarningDrafted, WarningPolicySet
from almenara.stages.public_warnings import Policy


def values(kind: msgspec.inspect.Type) -> st.SearchStrategy[Any]:
    """Values of a field's type, any at all."""
    inspect = msgspec.inspect
    match kind:
        case inspect.IntType():
            return st.integers(-(2**63), 2**64 - 1)
        case inspect.StrType():
            return st.text()
        case inspect.FloatType():
            return st.floats(allow_nan=False)  # NaN is unequal to itself, not to its bytes
        case inspect.BoolType():
            return st.booleans()
        case inspect.BytesType():
            return st.binary()
        case inspect.NoneType():
            return st.none()
        case inspect.ListType():
            return st.lists(values(kind.item_type))
        case inspect.DictType():
            return st.dictionaries(values(kind.key_type), values(kind.value_type))
        case inspect.StructType():
            return st.builds(kind.cls, **{field.name: values(field.type) for field in kind.fields})
        case inspect.UnionType():
            return st.one_of(*map(values, kind.types))
    raise AssertionError(f"no strategy for {kind}: add one")


def events() -> st.SearchStrategy[Event]:
    """Any event of any type."""
    built = []
    for event in EVENTS.values():
        described = msgspec.inspect.type_info(event)
        assert isinstance(described, msgspec.inspect.StructType)
        built.append(st.builds(event, **{field.name: values(field.type) for field in described.fields}))
    return st.one_of(built)


def test_every_event_is_registered() -> None:
    defined = {
        name for name, value in vars(events_module).items() if isinstance(value, type) and issubclass(value, Event)
    }
    defined -= {"Event"}
    assert EVENTS.keys() == defined


@given(event=events())
def test_round_trip(event: Event) -> None:
    kind, version, payload = encode(event)
    assert (kind, version) == (type(event).__name__, type(event).version)
    assert decode(kind, version, payload) == event
    assert encode(decode(kind, version, payload)) == (kind, version, payload)


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_each_type_round_trips(name: str) -> None:
    described = msgspec.inspect.type_info(EVENTS[name])
    assert isinstance(described, msgspec.inspect.StructType)
    blank = {"int": 0, "str": "", "bytes": b"", "bool": False, "float": 0.0, "list": [], "dict": {}, "union": None}
    fields = {field.name: blank[type(field.type).__name__.removesuffix("Type").lower()] for field in described.fields}
    event = EVENTS[name](**fields)
    assert decode(*encode(event)) == event


def test_a_policy_of_before_the_rest_could_be_set() -> None:
    old = msgspec.msgpack.encode({"now_ms": 5, "approval": {"default": "one"}, "signed": True})
    event = decode("WarningPolicySet", 1, old)
    assert isinstance(event, WarningPolicySet)
    assert (event.approval, event.signed) == ({"default": "one"}, True)
    assert (
        msgspec.structs.replace(
            Policy(),
            languages=tuple(event.languages),
            **{name: getattr(event, name) for name in WarningPolicySet.SETTINGS if name != "approval"},
        )
        == Policy()
    ), "as it was"


def test_the_order_of_a_mapping_does_not_matter() -> None:
    started = EVENTS["RunStarted"]
    one = started(mode="replay", status="Exercise", parameters={"a": 1, "b": None})
    other = started(mode="replay", status="Exercise", parameters={"b": None, "a": 1})
    assert encode(one) == encode(other)


class Lifted(Event, frozen=True, kw_only=True):
    """A type whose third version counts in milliseconds."""

    version: ClassVar[int] = 3
    span_ms: int


@pytest.fixture
def lifted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The type and what lifts its first two versions: version 1 said `minutes`, version 2 `seconds`."""
    monkeypatch.setitem(EVENTS, "Lifted", Lifted)
    monkeypatch.setitem(UPCASTS, ("Lifted", 1), lambda fields: {"seconds": fields["minutes"] * 60})
    monkeypatch.setitem(UPCASTS, ("Lifted", 2), lambda fields: {"span_ms": fields["seconds"] * 1000})


@pytest.mark.usefixtures("lifted")
@pytest.mark.parametrize(("version", "fields"), [(1, {"minutes": 2}), (2, {"seconds": 120}), (3, {"span_ms": 120_000})])
def test_older_versions_are_lifted(version: int, fields: dict[str, int]) -> None:
    assert decode("Lifted", version, msgspec.msgpack.encode(fields)) == Lifted(span_ms=120_000)


def test_drafts_of_the_first_version_are_the_machines() -> None:
    """As a log of before there were approvals holds them."""
    fields = {
        "now_ms": 1,
        "identifier": "incident-quake-a-1",
        "thread": "incident-quake-a",
        "incident": "incident-quake-a",
        "msg_type": "Alert",
        "status": "Exercise",
        "references": "",
        "expires_ms": 2,
        "severity": "Severe",
        "places": ["loja"],
        "reasons": ["first"],
    }
    for xml, kind in ((b"<value>OET-068</value>", "earthquake"), (b"<value>OET-217</value>", "fire")):
        event = decode("WarningDrafted", 1, msgspec.msgpack.encode({**fields, "xml": xml}))
        assert event == WarningDrafted(**fields, xml=xml, kind=kind, drafted_by="almenara")  # type: ignore[arg-type]


@pytest.mark.usefixtures("lifted")
@pytest.mark.parametrize("fields", [{"seconds": "many"}, {"seconds": 1.5}])
def test_what_cannot_be_lifted_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(UnknownEvent, match="Lifted"):
        decode("Lifted", 2, msgspec.msgpack.encode(fields))


@pytest.mark.parametrize(("kind", "version"), [("StepTaken", 2), ("DamBroken", 1), ("", 1), ("Event", 1)])
def test_unknown_types_and_newer_versions_are_refused(kind: str, version: int) -> None:
    with pytest.raises(UnknownEvent, match="update it"):
        decode(kind, version, encode(StepTaken(now_ms=1))[2])


@pytest.mark.parametrize(
    "payload",
    [
        msgspec.msgpack.encode({"now_ms": 1, "weather": "fair"}),  # a field too many
        msgspec.msgpack.encode({}),
        msgspec.msgpack.encode({"now_ms": "noon"}),
        msgspec.msgpack.encode([1]),
        b"",
        b"\xc1",
        b"\x81\xa3\x00\x00\x80",  # a name that is not UTF-8
        encode(SourceSilent(source="x", origin="y", at_ms=1, last_heard_ms=None))[2],
    ],
)
def test_other_fields_are_refused(payload: bytes) -> None:
    with pytest.raises(UnknownEvent, match="StepTaken cannot be read"):
        decode("StepTaken", 1, payload)


@given(payload=st.binary())
def test_any_bytes_give_an_event_or_a_named_refusal(payload: bytes) -> None:
    with suppress(UnknownEvent):
        assert isinstance(decode("StepTaken", 1, payload), StepTaken)
