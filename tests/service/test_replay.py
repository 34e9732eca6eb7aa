"""`almenara replay`: one digest whatever the order, the copies and the batches; no row lost; every file as promised."""

import csv
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.service.running import (
    FILES,
    almenara,
    assert_done,
    digest_of,
    outputs,
    replayed,
    summary_of,
)
from tests.service.worlds import HOUR_MS, PLACES, hour_ms

from almenara.results import Results


def said(found: Results) -> list[bytes]:
    """All that the public would have read, in order."""
    return [warning.xml for warning in found.warnings]


@pytest.fixture(scope="module")
def ordered(feeds: list[Path]) -> Results:
    return replayed(feeds)


class TestOneDigest:
    """Equal inputs, equal digest."""

    @pytest.mark.parametrize("seed", range(4))
    def test_shuffled(self, feeds: list[Path], ordered: Results, seed: int) -> None:
        shuffled = random.Random(seed).sample(feeds, len(feeds))
        found = replayed(shuffled)
        assert found.digest == ordered.digest
        assert said(found) == said(ordered)
        assert found.incidents == ordered.incidents

    @pytest.mark.parametrize("again", [lambda files: files * 2, lambda files: [f for f in files for _ in "12"]])
    def test_each_file_twice(
        self, feeds: list[Path], ordered: Results, again: Callable[[list[Path]], list[Path]]
    ) -> None:
        found = replayed(again(feeds))
        once, twice = ordered.summary["rows"], found.summary["rows"]
        assert found.digest == ordered.digest
        assert twice["accepted"] == once["accepted"]
        assert twice["read"] == 2 * once["read"]

    @pytest.mark.parametrize("batch_rows", [1, 7, 64])
    def test_other_batches(self, feeds: list[Path], ordered: Results, batch_rows: int) -> None:
        found = replayed(feeds, batch_rows=batch_rows)
        assert found.digest == ordered.digest
        assert found.timeline.equals(ordered.timeline)

    def test_a_name_or_a_folder_changes_nothing(self, feeds: list[Path], ordered: Results, tmp_path: Path) -> None:
        for number, path in enumerate(feeds):
            (tmp_path / f"{number}{path.suffix}").write_bytes(path.read_bytes())
        assert replayed([tmp_path]).digest == ordered.digest

    def test_something_else_gives_another_digest(self, feeds: list[Path], ordered: Results) -> None:
        assert replayed(feeds[:-3]).digest != ordered.digest
        assert replayed(feeds, status="Actual").digest != ordered.digest


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_hash_seeds(feeds: list[Path], undisturbed: Path, tmp_path: Path, hash_seed: str) -> None:
    done = almenara(
        "replay", *reversed(feeds), "--places", PLACES, "--out", tmp_path / "out", env={"PYTHONHASHSEED": hash_seed}
    )
    assert_done(done)
    assert digest_of(undisturbed) in done.stdout
    same, other = outputs(undisturbed, tmp_path / "a"), outputs(tmp_path / "out", tmp_path / "b")
    for name in same:
        if name not in ("summary.json", "report.html"):  # they list the feeds' counts as they came
            assert other[name] == same[name], name


class TestNothingIsLost:
    """accepted + superseded + rejected = read."""

    def test_of_the_world(self, undisturbed: Path) -> None:
        rows = summary_of(undisturbed)["rows"]
        assert rows["accepted"] + rows["superseded"] + rows["rejected"] == rows["read"]
        assert sum(rows["rejected_by_reason"].values()) == rows["rejected"] == 10
        assert sum(rows["superseded_by"].values()) == rows["superseded"]
        assert rows["superseded_by"]["newer_version"] > 0

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_of_whatever_comes(self, tmp_path: Path, data: st.DataObject) -> None:
        files, lines = [], 0
        for number in range(data.draw(st.integers(1, 3))):
            rows = data.draw(st.lists(row(), max_size=25))
            lines += len(rows)
            files.append(tmp_path / f"{number}.csv")
            files[-1].write_bytes(("\n".join([HEADER, *rows]) + "\n").encode())
        given = data.draw(st.permutations(files + data.draw(st.lists(st.sampled_from(files), max_size=2))))
        batch_rows = data.draw(st.sampled_from([1, 3, 50_000]))
        found = replayed(given, batch_rows=batch_rows, places=str(towns(tmp_path)))
        counts = found.summary["rows"]
        assert counts["accepted"] + counts["superseded"] + counts["rejected"] == counts["read"]
        assert counts["read"] == sum(len(path.read_bytes().splitlines()) - 1 for path in given)
        assert sum(counts["rejected_by_reason"].values()) == counts["rejected"]
        assert counts["accepted"] == distinct(files)
        assert replayed(files, places=str(towns(tmp_path))).digest == found.digest


HEADER = (
    "latitude,longitude,bright_ti4,scan,track,acq_date,acq_time,satellite,confidence,version,bright_ti5,frp,daynight"
)


def row() -> st.SearchStrategy[str]:
    """Rows of a FIRMS text: some near each other, some far, some with a field that cannot be."""
    good = st.builds(
        "{},{},331.5,0.{},0.41,{},{:02}:{:02},{},{},{},256.4,{},N".format,
        st.integers(-20, 20).map(lambda n: f"{-4.24 + n / 400:.5f}"),
        st.one_of(st.integers(-20, 20).map(lambda n: f"{-79.22 + n / 400:.5f}"), st.just("179.99999")),
        st.integers(35, 80),
        st.sampled_from(["2024-09-03", "2024-09-04", "2024-09-30"]),
        st.integers(6, 7),
        st.integers(0, 59),
        st.sampled_from("N12"),
        st.sampled_from(["low", "nominal", "high"]),
        st.sampled_from(["2.0NRT", "2.0URT", "2"]),
        st.sampled_from(["4.26", "0", "12.5"]),
    )
    bad = st.sampled_from(
        [
            "half a row",
            "-94.2,-79.2,331.5,0.4,0.4,2024-09-03,06:33,N,nominal,2.0NRT,256.4,4.2,N",
            "nan,-79.2,331.5,0.4,0.4,2024-09-03,06:33,N,nominal,2.0NRT,256.4,4.2,N",
            "-79.2,-184.2,331.5,0.4,0.4,2024-09-03,06:33,N,nominal,2.0NRT,256.4,4.2,N",
            "-4.2,-79.2,331.5,0.4,0.4,2044-09-03,06:33,N,nominal,2.0NRT,256.4,4.2,N",
            "-4.2,-79.2,331.5,0.4,0.4,2024-02-30,06:33,N,nominal,2.0NRT,256.4,4.2,N",
            "-4.2,-79.2,331.5,0.4,0.4,2024-09-03,06:33,X,nominal,2.0NRT,256.4,4.2,N",
            "-4.2,-79.2,331.5,0.4,0.4,2024-09-03,06:33,N,sure,2.0NRT,256.4,4.2,N",
            '"-4.2,-79.2,331.5,0.4',
            "<html>503</html>",
        ]
    )
    return st.one_of(good, good, good, bad)


def distinct(files: list[Path]) -> int:
    """How many different pixels the good rows show, counted by other means: satellite, minute, position."""
    keys = set()
    for path in files:
        for line in path.read_text(encoding="utf-8").splitlines()[1:]:
            fields = line.split(",")
            good = len(fields) == 13 and fields[0].startswith("-4.") and fields[7] in "N12" and fields[8] != "sure"
            if good and fields[5] not in ("2044-09-03", "2024-02-30"):
                keys.add((fields[0], fields[1], fields[5], fields[6], fields[7]))
    return len(keys)


def towns(folder: Path) -> Path:
    path = folder / "towns.csv"
    path.write_text("id,name,lon,lat,population\na,San Pedro,-79.22164,-4.24269,1200\nb,Far,-70,-3,9\n", "utf-8")
    return path


class TestFiles:
    """The folder of results, as the issue names it."""

    def test_all_are_there(self, undisturbed: Path) -> None:
        assert sorted(path.name for path in undisturbed.iterdir()) == sorted([*FILES, "state", "warnings"])
        assert not [path for path in undisturbed.rglob("*") if path.name.startswith(".") or ".part" in path.name]

    def test_hazards_are_geojson(self, undisturbed: Path) -> None:
        path = undisturbed / "hazards.geojson"
        content = json.loads(path.read_text(encoding="utf-8"))
        assert content["type"] == "FeatureCollection"
        wanted = ["id", "kind", "state", "first_seen", "last_seen", "area_km2", "observations", "merged_from"]
        for feature in content["features"]:
            assert feature["type"] == "Feature"
            assert list(feature["properties"])[:8] == wanted
            shape = shapely.geometry.shape(feature["geometry"])
            assert shape.is_valid
            assert shape.geom_type in ("Polygon", "MultiPolygon")
            assert feature["properties"]["first_seen"] <= feature["properties"]["last_seen"]
        meta, _, shapes, _ = pyogrio.raw.read(path)
        assert len(shapes) == len(content["features"]) == 5
        assert set(wanted) <= set(meta["fields"])

    def test_timeline_has_a_row_for_each_hazard_and_step(self, undisturbed: Path, feeds: list[Path]) -> None:
        table = pq.read_table(undisturbed / "timeline.parquet")
        assert {"hazard_id", "kind", "time", "state", "area_km2", "observations"} <= set(table.column_names)
        rows = table.to_pylist()
        passes = {hour_ms(24 * day + hour) // 60_000 * 60_000 for day in range(3) for hour in (6.55, 7.4, 18.2, 19.05)}
        for name in {row["hazard_id"] for row in rows if row["kind"] == "fire"}:
            seen = [round(row["time"].timestamp() * 1000) for row in rows if row["hazard_id"] == name]
            merged = any(row["change"] == "merged" for row in rows if row["hazard_id"] == name)
            assert len(seen) == len(set(seen))
            assert set(seen) <= passes if merged else set(seen) == passes
        last = {row["hazard_id"]: row for row in rows}
        hazards = json.loads((undisturbed / "hazards.geojson").read_text("utf-8"))["features"]
        for feature in hazards:
            if feature["properties"]["kind"] == "fire":
                row = last[feature["id"]]
                assert row["area_km2"] == pytest.approx(feature["properties"]["area_km2"], abs=1e-3)
                assert row["observations"] == feature["properties"]["observations"]

    def test_exposures_are_the_same_in_both_forms(self, undisturbed: Path) -> None:
        table = pq.read_table(undisturbed / "exposures.parquet")
        with (undisturbed / "exposures.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0]) == table.column_names
        wanted = ("hazard_id", "place_id", "distance_m", "since", "until", "basis", "certainty", "suppressed")
        assert set(wanted) <= set(table.column_names)
        assert [row["place_name"] for row in rows] == table.column("place_name").to_pylist()
        assert [datetime.fromisoformat(row["since"]).timestamp() for row in rows] == pytest.approx(
            [value.timestamp() for value in table.column("since").to_pylist()], abs=1
        )

    def test_summary_counts_what_the_files_hold(self, undisturbed: Path) -> None:
        summary = summary_of(undisturbed)
        features = json.loads((undisturbed / "hazards.geojson").read_text("utf-8"))["features"]
        incidents = json.loads((undisturbed / "incidents.json").read_text("utf-8"))
        assert summary["hazards"]["total"] == len(features)
        told = pq.read_table(undisturbed / "exposures.parquet").column("basis").to_pylist()
        assert summary["exposures"]["total"] == len(told) - told.count("could be reached")
        assert (
            told.count("could be reached") == sum(summary["could_be_reached"][name] for name in ("total", "over")) > 0
        )
        assert summary["incidents"]["total"] == len(incidents) == 3
        assert summary["warnings"]["total"] == len(list((undisturbed / "warnings").glob("*.xml"))) > 3
        assert {"ingest", "hazards", "exposure", "incidents", "warnings", "total"} <= set(summary["seconds"])
        assert 50 < summary["peak_memory_mb"] < 4000
        assert len(summary["state_digest"]) == 64

    def test_the_fires_that_met_are_one(self, undisturbed: Path) -> None:
        features = json.loads((undisturbed / "hazards.geojson").read_text("utf-8"))["features"]
        fires = [f["properties"] for f in features if f["properties"]["kind"] == "fire"]
        assert sorted(len(fire["merged_from"]) for fire in fires) == [0, 1]
        incidents = json.loads((undisturbed / "incidents.json").read_text("utf-8"))
        assert sorted(incident["status"] for incident in incidents) == ["closed", "merged", "open"]
        # Foreshock, mainshock and aftershock: those with places in reach are one incident.
        (quake,) = [incident for incident in incidents if incident["kind"] == "earthquake"]
        assert len(quake["hazards"]) == 2


class TestPeriod:
    """--since and --until."""

    def test_rows_outside_are_counted_by_reason(self, feeds: list[Path]) -> None:
        since, until = hour_ms(24), hour_ms(48)
        found, whole = replayed(feeds, since_ms=since, until_ms=until, batch_rows=10), replayed(feeds)
        rows = found.summary["rows"]
        outside = rows["rejected_by_reason"]["outside-the-period"]
        assert outside > 50
        assert rows["read"] == whole.summary["rows"]["read"]
        assert rows["accepted"] + rows["superseded"] + rows["rejected"] == rows["read"]
        times = [round(value.timestamp() * 1000) for value in found.timeline.column("time").to_pylist()]
        assert times
        assert min(times) >= since
        assert max(times) < until + 24 * HOUR_MS  # an earthquake ends a day later
        assert all(since <= view.first_seen_ms < until for view in found.hazards)

    def test_the_same_on_the_command_line(self, feeds: list[Path], tmp_path: Path) -> None:
        done = almenara(
            "replay", *feeds, "--places", PLACES, "--out", tmp_path, "--since", "2024-09-04", "--until", "2024-09-05"
        )
        assert_done(done)
        assert "× outside-the-period" in done.stdout
        assert digest_of(tmp_path) == replayed(feeds, since_ms=hour_ms(24), until_ms=hour_ms(48)).digest

    def test_nothing_within(self, feeds: list[Path]) -> None:
        found = replayed(feeds, since_ms=round(datetime(2030, 1, 1, tzinfo=UTC).timestamp() * 1000))
        assert found.summary["rows"]["accepted"] == 0
        assert found.hazards == []
        assert isinstance(found.timeline, pa.Table)
        assert found.timeline.num_rows == 0
