"""PostGIS geography, where it is installed: a private server on a socket, a GiST index, ST_DWithin on the spheroid."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from benchmarks.peers.geodesic import Floats, Pairs

NAME = "PostGIS"
NEEDS = ("psycopg",)
PLACES_MAX = 1_000_000  # more take minutes to load
INEXACT = "edges of polygons are geodesics there, not straight in longitude and latitude"

_SOCKET = "BENCH_POSTGIS"  # the folder with the server's socket, told to the engine's processes
_POINT = "ST_SetSRID(ST_MakePoint(x, y), 4326)::geography"
_JOIN = "select o.i, p.j, ST_Distance(o.g, p.g) from observations o join places p on ST_DWithin(o.g, p.g, %s)"
_JOIN_FEW = (
    f"select o.i - 1, p.j, ST_Distance(o.g, p.g) from (select i, {_POINT} as g "  # noqa: S608
    "from unnest(%s::float8[], %s::float8[]) with ordinality u(x, y, i)) o join places p on ST_DWithin(o.g, p.g, %s)"
)


def why_not() -> str | None:
    """Whether the server is missing."""
    if _programs() is None:
        return "no PostgreSQL with PostGIS on this machine"
    return None


def start() -> Callable[[], None]:
    """A new cluster in a folder of its own, heard by nobody else; returns what stops and removes it."""
    programs = _programs()
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="postgis-"))
    if os.geteuid() == 0:  # PostgreSQL refuses to be run by root
        shutil.chown(folder, "postgres")
    settings = f"-k {folder} -c listen_addresses= -c shared_buffers=2GB -c work_mem=256MB -c fsync=off -c jit=off"
    _as_owner(str(programs / "initdb"), "-D", str(folder / "data"), "-A", "trust", "-U", "bench", "-E", "UTF8")
    _as_owner(
        str(programs / "pg_ctl"), "-D", str(folder / "data"), "-w", "-l", str(folder / "log"), "-o", settings, "start"
    )
    os.environ[_SOCKET] = str(folder)

    def stop() -> None:
        _as_owner(str(programs / "pg_ctl"), "-D", str(folder / "data"), "-m", "immediate", "stop")
        os.environ.pop(_SOCKET, None)
        shutil.rmtree(folder)

    return stop


def build(lon: Floats, lat: Floats, distance_m: float) -> Any:
    """A table with an index, analysed."""
    cursor = _connect()
    cursor.execute("drop table if exists places, arrived; create unlogged table arrived (j int, x float8, y float8)")
    _copy(cursor, "arrived (j, x, y)", (f"{j}\t{x!r}\t{y!r}\n" for j, (x, y) in enumerate(_pairs(lon, lat))))
    cursor.execute(f"create unlogged table places as select j, {_POINT} as g from arrived")  # noqa: S608
    return _indexed(cursor)


def join(state: Any, lon: Floats, lat: Floats, distance_m: float) -> Pairs:
    """The observations into a table, then one query."""
    state.execute("drop table if exists observations, seen; create unlogged table seen (i int, x float8, y float8)")
    _copy(state, "seen (i, x, y)", (f"{i}\t{x!r}\t{y!r}\n" for i, (x, y) in enumerate(_pairs(lon, lat))))
    state.execute(f"create unlogged table observations as select i, {_POINT} as g from seen")  # noqa: S608
    state.execute("analyze observations")
    return _answer(state.execute(_JOIN, [distance_m]))


def join_few(state: Any, lon: Floats, lat: Floats, distance_m: float) -> Pairs:
    """The observations as an argument of the query."""
    return _answer(state.execute(_JOIN_FEW, [lon.tolist(), lat.tolist(), distance_m]))


def build_outlines(outlines: Floats, distance_m: float) -> Any:
    """A table of polygons with an index, analysed."""
    cursor = _connect()
    cursor.execute("drop table if exists places, arrived; create unlogged table arrived (j int, outline text)")
    rings = (ring + ring[:1] for ring in outlines.tolist())
    texts = (",".join(f"{x!r} {y!r}" for x, y in ring) for ring in rings)
    _copy(cursor, "arrived (j, outline)", (f"{j}\tPOLYGON(({text}))\n" for j, text in enumerate(texts)))
    cursor.execute("create unlogged table places as select j, ST_GeogFromText(outline) as g from arrived")
    return _indexed(cursor)


join_outlines = join


def cpu_s() -> float:
    """Processor time of this process and the whole server."""
    ticks = os.sysconf("SC_CLK_TCK")
    own = os.times()
    return own.user + own.system + sum(sum(map(int, fields[11:15])) for fields in _server()) / ticks


def memory_mb() -> float:
    """Size of the places' table and its index, which the server shares out as it likes."""
    row = _connect().execute("select pg_total_relation_size('places')").fetchone()
    return float(row[0]) / 1e6


def _programs() -> Path | None:
    """The newest server that has PostGIS."""
    roots = sorted(Path("/usr/lib/postgresql").glob("*"), key=lambda path: -float(path.name))
    for root in roots:
        if Path(f"/usr/share/postgresql/{root.name}/extension/postgis.control").exists():
            return root / "bin"
    return None


def _as_owner(*command: str) -> None:
    before = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*before, *command], check=True, stdout=subprocess.DEVNULL, cwd="/")  # noqa: S603


def _connect() -> Any:
    connection = psycopg.connect(host=os.environ[_SOCKET], user="bench", dbname="postgres", autocommit=True)
    cursor = connection.cursor()
    cursor.execute("create extension if not exists postgis")
    return cursor


def _pairs(lon: Floats, lat: Floats) -> Iterator[tuple[float, float]]:
    return zip(lon.tolist(), lat.tolist(), strict=True)


def _copy(cursor: Any, target: str, lines: Iterator[str]) -> None:
    with cursor.copy(f"copy {target} from stdin") as copy:
        copy.write("".join(lines))


def _indexed(cursor: Any) -> Any:
    cursor.execute("create index on places using gist (g)")
    cursor.execute("vacuum analyze places")
    return cursor


def _answer(cursor: Any) -> Pairs:
    rows = np.array(cursor.fetchall(), np.float64).reshape(-1, 3)
    return rows[:, 0].astype(np.int64), rows[:, 1].astype(np.int64), rows[:, 2].copy()


def _server() -> Iterator[list[str]]:
    """What /proc says of the server and its children, from the state on."""
    pid = (Path(os.environ[_SOCKET]) / "data" / "postmaster.pid").read_text(encoding="ascii").split()[0]
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            fields = path.read_text(encoding="utf-8").rpartition(")")[2].split()
            if path.parent.name == pid:
                yield fields
            elif fields[1] == pid:
                yield [*fields[:13], "0", "0"]
