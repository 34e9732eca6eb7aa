"""Almenara follows hazards, never people: the names it is built of, held against the promise of design section 1."""

import dataclasses
import importlib.util
import pkgutil
import shutil
from pathlib import Path
from types import ModuleType

import msgspec
import pyarrow as pa
import pytest
import typer

import almenara
from tests.house import promise
from tests.house.promise import Name, find_violations

ROOT = Path(__file__).resolve().parents[2]


def modules() -> list[ModuleType]:
    found = [module.name for module in pkgutil.walk_packages(almenara.__path__, "almenara.")]
    return [importlib.import_module(name) for name in found if not name.endswith("__main__")]


def check_tree(root: Path) -> list[str]:
    return find_violations(promise.list_dependencies(root), promise.list_source_names(root))


def test_dependencies_and_source_keep_the_promise() -> None:
    assert check_tree(ROOT) == []


def test_data_model_keeps_the_promise() -> None:
    names = list(promise.list_model_names(modules()))
    assert {"footprint", "population", "lon", "hazard"} & {one.name for one in names}, "the reader reads nothing"
    assert find_violations([], names) == []


def test_commands_keep_the_promise() -> None:
    from almenara.cli import app

    names = list(promise.list_command_names(typer.main.get_command(app), "almenara"))
    assert len(names) > 5, "the reader reads nothing"
    assert find_violations([], names) == []


def test_api_keeps_the_promise() -> None:
    """Once there is a package `almenara.web`, it answers `openapi_schema()`, and the schema is read here."""
    if importlib.util.find_spec("almenara.web") is not None:
        names = list(promise.list_api_names(importlib.import_module("almenara.web").openapi_schema()))
        assert len(names) > 20, "the reader reads nothing"
        assert find_violations([], names) == []


def test_every_allowance_has_a_reason_and_is_needed() -> None:
    used = {one.name for one in promise.list_source_names(ROOT)}
    for name, reason in promise.ALLOWED.items():
        assert promise.denied(name), f"“{name}” needs no allowance"
        assert name in used, f"“{name}” is allowed and nowhere used"
        assert len(reason.split()) >= 6, f"“{name}” is allowed without a reason"
    assert len(promise.ALLOWED) <= 12, "an allow list this long is another promise"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A part of the project, copied, in which a violation can be planted; as it stands it keeps the promise."""
    shutil.copytree(
        ROOT / "src/almenara/model", tmp_path / "src/almenara/model", ignore=shutil.ignore_patterns("__py*")
    )
    for name in ("pyproject.toml", "constraints.txt", "src/almenara/ports.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    assert check_tree(tmp_path) == []
    return tmp_path


EVENTS, PLACES, PORTS = (f"src/almenara/{name}.py" for name in ("model/events", "model/places", "ports"))
#: What is planted: file, what stands there, what is put before it, the name that must be named.
PLANTED = {
    "a dependency": ("pyproject.toml", '"msgspec>=0.19",', '"Face_Recognition>=1.3", ', "Face_Recognition"),
    "an extra": ("pyproject.toml", '"hypothesis>=', "\"easyocr[gpu]; python_version>'3'\", ", "easyocr"),
    "a pinned package": ("constraints.txt", "httpx==", "insightface==0.7.3\n", "insightface"),
    "a package of no list": ("constraints.txt", "httpx==", "x-alpr-tools==1.0\n", "x-alpr-tools"),
    "a struct field": (EVENTS, "    mode: str", "    suspect_score: float\n", "suspect_score"),
    "a joined-up field": (EVENTS, "    mode: str", "    licensePlate: str\n", "licensePlate"),
    "an Arrow column": (PLACES, 'pa.field("name"', 'pa.field("imei", pa.string()), ', "imei"),
    "a Spanish column": (PLACES, 'pa.field("name"', 'pa.field("cédula", pa.string()), ', "cédula"),
    "a dictionary key": (PORTS, "class Source(", 'KEYS = {"watch_list": 1}\n', "watch_list"),
    "a function": (PORTS, "class Source(", "def track_people() -> None:\n    pass\n", "track_people"),
    "a parameter": (PORTS, "events: Sequence", "vehicle_trajectory: int, ", "vehicle_trajectory"),
    "an import": (PORTS, "import pyarrow as pa", "import deepface.commons\n", "deepface"),
    "an option": (PORTS, "class Source(", 'OPTION = "--phone-number"\n', "--phone-number"),
}


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_violation_is_caught(what: str, tree: Path) -> None:
    name, anchor, planted, word = PLANTED[what]
    text = (tree / name).read_text(encoding="utf-8")
    assert anchor in text, f"the test's anchor is gone from {name}"
    (tree / name).write_text(text.replace(anchor, planted + anchor, 1), encoding="utf-8")
    found = check_tree(tree)
    assert any(message.startswith(name) and f"“{word}” stands for" in message for message in found)
    assert all("promises not to do" in message for message in found)


@pytest.mark.parametrize(
    "name", ["face_match.py", "stages/watchlist.py", "sources/plate_reader/__init__.py", "haarcascade_frontal_face.xml"]
)
def test_a_planted_file_is_caught(name: str, tree: Path) -> None:
    path = tree / "src" / "almenara" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('"""Nothing that its words betray."""\n', encoding="utf-8")
    assert len(check_tree(tree)) >= 1


def test_a_field_made_at_run_time_is_caught() -> None:
    @dataclasses.dataclass
    class Data:
        person_id: str

    Data.__module__ = "almenara.planted"
    module = ModuleType("almenara.planted")
    struct = msgspec.defstruct("Struct", [("".join(["fac", "e_vector"]), bytes)], module="almenara.planted")
    schema = pa.schema([pa.field("".join(["msi", "sdn"]), pa.string())])
    vars(module).update(Data=Data, Struct=struct, TABLE=schema)
    found = find_violations([], promise.list_model_names([module]))
    assert [message.split(":")[0].rpartition(".")[2] for message in found] == ["Data", "Struct", "TABLE"]


def test_a_planted_command_is_caught() -> None:
    app = typer.Typer()

    @app.command("people-tracker")
    def one() -> None: ...

    @app.command("log")
    def two(entry: str = typer.Option("", "--placa")) -> None: ...

    found = find_violations([], promise.list_command_names(typer.main.get_command(app), "almenara"))
    assert any("“people-tracker”" in message for message in found)
    assert any("“--placa”" in message for message in found)


def test_a_planted_api_is_caught() -> None:
    schema = {
        "paths": {"/persons/{person_id}/track": {"get": {"operationId": "follow_person", "parameters": []}}},
        "components": {"schemas": {"Camera": {"properties": {"footage": {}}, "required": ["cctv"]}}},
    }
    messages = "\n".join(find_violations([], promise.list_api_names(schema)))
    for word in ("/persons/{person_id}/track", "follow_person", "footage", "cctv"):
        assert f"“{word}”" in messages


FREE = """surface interface_id footprint track track_km population people place_id scan hazard_id incident
    station unit_id vector_tiles geofence polygon candidate device_profile persons_affected vehicles_needed
    detection_keys platform plateau reference_id identifier watch SourceSilent lookout_camera observed_position"""
DENIED = """faceEmbedding FACE_DB facial_features faceid licence_plate LicensePlateReader number_plate
    plateNumber phone_number imei person_id PersonOfInterest watch_list track_person pedestrianDetector
    vehicleTracker score_people risk_of_person geofence_vehicle rostro número_de_cédula huella_dactilar
    placa_vehicular seguimiento_de_personas perfil_persona video_storage cctv_url mac_address device_id"""


@pytest.mark.parametrize("name", FREE.split())
def test_words_of_the_trade_stay_free(name: str) -> None:
    assert promise.denied(name) is None


@pytest.mark.parametrize("name", DENIED.split())
def test_words_of_the_others_are_denied(name: str) -> None:
    message = find_violations([], [Name("here", name)])
    assert len(message) == 1
    assert message[0].startswith(f"here: the name “{name}”")
