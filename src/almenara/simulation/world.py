"""An exercise world written to a folder: feed files as they would arrive, the times they do, and the truth."""

import importlib
import json
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from almenara.model.errors import UsageError
from almenara.simulation import feeds
from almenara.simulation.fire_spread import spread
from almenara.simulation.quakes import Quake, aftershocks, all_day_geojson, elsewhere
from almenara.simulation.satellites import SATELLITES, Detections
from almenara.simulation.scenario import Feed, Scenario
from almenara.simulation.sensing import Sensed, dice, sense
from almenara.simulation.truth import describe_truth

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Delivery:
    """One answer of one feed, or the lack of one."""

    at_ms: int
    source: str  # plugin name
    path: Path | None  # the content; None: the source did not answer
    note: str  # for people
    feed: str  # stable name of the address that was asked: "firms-noaa-20"


@dataclass(frozen=True, slots=True)
class World:
    """An exercise world on disk."""

    name: str
    title_es: str
    title_en: str
    start_ms: int
    end_ms: int
    places_spec: str
    timezone: str
    cadence_ms: dict[str, int]  # feed → how often it is asked
    deliveries: tuple[Delivery, ...]  # in order of time
    truth: dict[str, Any]  # what truly happened, also in truth.json


def write_world(scenario: str, seed: int, folder: Path) -> World:
    """Write the scenario's feed files and truth.json into `folder`; equal seeds give equal bytes.

    A content that did not change between two polls is one file that both deliveries name.
    """
    known = find_scenarios()
    if scenario not in known:
        raise UsageError(f"There is no scenario “{scenario}”. There is: {', '.join(known)}.")
    plan = known[scenario]
    burns = [
        spread(landscape, plan.end_ms, plan.utc_offset_h, dice(seed, 1, number))
        for number, landscape in enumerate(plan.landscapes)
    ]
    sensed = sense(plan, burns, seed)
    quakes = _quakes(plan, seed)
    truth = describe_truth(plan, seed, burns, sensed, quakes)
    deliveries = sorted(_deliver(plan, seed, sensed, quakes, folder), key=lambda delivery: delivery.at_ms)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(truth, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    (folder / "truth.json").write_text(text, encoding="utf-8", newline="\n")
    return World(
        name=plan.name,
        title_es=plan.title_es,
        title_en=plan.title_en,
        start_ms=plan.start_ms,
        end_ms=plan.end_ms,
        places_spec=plan.places_spec,
        timezone=plan.timezone,
        cadence_ms={feed.key: feed.every_min * 60_000 for feed in plan.feeds},
        deliveries=tuple(deliveries),
        truth=truth,
    )


def find_scenarios() -> dict[str, Scenario]:
    """Every scenario by its file name under `scenarios/`."""
    package = importlib.import_module("almenara.simulation.scenarios")
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return {name: importlib.import_module(f"{package.__name__}.{name}").SCENARIO for name in names}


def _quakes(plan: Scenario, seed: int) -> list[Quake]:
    quakes = list(plan.quakes)
    for quake in plan.quakes:
        if quake.code == plan.main_shock:
            quakes += aftershocks(quake, plan.towns, plan.end_ms, dice(seed, 2))
    return quakes + elsewhere(plan.start_ms - DAY_MS, plan.end_ms, dice(seed, 3))


def _deliver(plan: Scenario, seed: int, sensed: Sensed, quakes: list[Quake], folder: Path) -> Iterator[Delivery]:
    """Poll every feed through the exercise; the archive comes first, the re-issue near the end."""
    yield _archive(plan, sensed, folder)
    for feed in plan.feeds:
        before: dict[str, tuple[str, Path]] = {}
        for minutes in range(feed.at_min, plan.hours * 60, feed.every_min):
            at_ms = plan.start_ms + minutes * 60_000
            disturbed = _disturbance(plan, feed, at_ms)
            if disturbed == "failed":
                yield Delivery(at_ms, feed.source, None, f"{feed.key} does not answer", feed.key)
                continue
            for name, text in _contents(feed, sensed, quakes, at_ms, before):
                if disturbed:
                    text, note = feeds.BREAKS[disturbed](text), f"{feed.key}: {disturbed}"
                elif name in before and before[name][0] == text:
                    yield Delivery(at_ms, feed.source, before[name][1], f"{feed.key}: nothing new", feed.key)
                    continue
                else:
                    note = feed.key
                path = _write(folder, at_ms, name, text)
                before[name] = (text, path)
                yield Delivery(at_ms, feed.source, path, note, feed.key)
    yield _reissue(plan, seed, sensed, folder)


def _contents(
    feed: Feed, sensed: Sensed, quakes: list[Quake], at_ms: int, before: dict[str, tuple[str, Path]]
) -> Iterator[tuple[str, str]]:
    """Name and content of what the feed publishes at a time; a daily text of yesterday only while it still changes."""
    if feed.form == "usgs":
        yield feed.file, all_day_geojson(quakes, at_ms)
        return
    if feed.form == "inpe":
        yield feed.file, feeds.inpe_csv()
        return
    time_ms = sensed.rows.time_ms
    codes = [number for number, satellite in enumerate(SATELLITES) if satellite.name in feed.satellites]
    public = (sensed.published_ms <= at_ms) & np.isin(sensed.rows.satellite, codes)
    if feed.form == "daily-text":
        today = at_ms // DAY_MS * DAY_MS
        for day in (today - DAY_MS, today):
            name = feed.file.format(julian=f"{datetime.fromtimestamp(day // 1000, UTC):%Y%j}")
            text = feeds.daily_text(_rows(sensed, public & (time_ms >= day) & (time_ms < day + DAY_MS)))
            if day == today or name not in before or before[name][0] != text:
                yield name, text
        return
    rows = _rows(sensed, public & (time_ms > at_ms - feed.window_h * HOUR_MS))
    if feed.form == "geojson":
        yield feed.file, feeds.geojson(rows)
    else:
        yield feed.file, feeds.current_csv(rows, SATELLITES[codes[0]].instrument)


def _archive(plan: Scenario, sensed: Sensed, folder: Path) -> Delivery:
    """The weeks before the exercise as FIRMS' download of near-real-time S-NPP rows: the flare's history."""
    public = (sensed.published_ms <= plan.start_ms) & (sensed.rows.satellite == 0)
    text = feeds.archive_csv(_rows(sensed, public), "2.0NRT")
    path = _write(folder, plan.start_ms, "fire_nrt_SV-C2_exercise.csv", text)
    return Delivery(plan.start_ms, "firms", path, f"S-NPP of the {plan.archive_days} days before", "firms-archive")


def _reissue(plan: Scenario, seed: int, sensed: Sensed, folder: Path) -> Delivery:
    """The first two days' S-NPP rows again, in standard processing: same places, better powers, sources classed."""
    at_ms = plan.start_ms + round(plan.reissue_h * HOUR_MS)
    time_ms = sensed.rows.time_ms
    early = (time_ms >= plan.start_ms) & (time_ms < plan.start_ms + 2 * DAY_MS) & (sensed.rows.satellite == 0)
    rows = _rows(sensed, early)
    chance = dice(seed, 4)
    rows.frp_mw[:] = np.round(rows.frp_mw * (1.0 + 0.06 * chance.standard_normal(len(rows))), 2)
    rows.confidence[:] = np.clip(rows.confidence + np.round(6 * chance.standard_normal(len(rows))), 0, 100)
    path = _write(folder, at_ms, "fire_archive_SV-C2_exercise.csv", feeds.archive_csv(rows, "2", sensed.heat_class))
    return Delivery(at_ms, "firms", path, "S-NPP of the first two days in standard processing", "firms-archive")


def _rows(sensed: Sensed, wanted: NDArray[np.bool_]) -> Detections:
    return sensed.rows.pick(np.flatnonzero(wanted))


def _disturbance(plan: Scenario, feed: Feed, at_ms: int) -> str:
    hours = (at_ms - plan.start_ms) / HOUR_MS
    for one in plan.disturbances:
        if one.feed == feed.key and one.from_h <= hours < one.until_h:
            return one.what
    return ""


def _write(folder: Path, at_ms: int, name: str, text: str) -> Path:
    path = folder / "feeds" / f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y%m%dT%H%MZ}" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    return path
