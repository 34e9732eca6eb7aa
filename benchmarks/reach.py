"""How far fires could reach: calibrate the bands on one half of past fires, score them on the other.

    python -m benchmarks.reach --calibrate FILES…                    # prints SCALES for stages/reach_bands.py
    python -m benchmarks.reach --out docs FILES…                     # scores what ships: reach.md, .json and .svg

FILES are detections that Almenara reads (FIRMS, INPE), or folders of FEDS' pre-processed pixels. Which fire belongs to
which half, all parameters and exclusions were fixed beforehand: docs/decisions/0012-could-be-reached.md.
"""

import argparse
import json
import math
import sys
from pathlib import Path

import numpy as np

from almenara.stages.reach_bands import (
    COARSE,
    FINE,
    FIRES_MIN,
    HORIZONS_H,
    LEVELS,
    OWN,
    PIXEL_M,
    PRIOR,
    SCALES,
    Scale,
)
from benchmarks.reach_cases import Case, Followed, follow, in_calibration
from benchmarks.reach_plot import reliability_plot
from benchmarks.reach_scores import METHODS, Score, score

Cases = dict[str, list[Case]]
CLASSES = [(basis, pixel) for basis in (OWN, PRIOR) for pixel in (FINE, COARSE)]


def main() -> None:
    """Read, follow, and calibrate or score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--calibrate", action="store_true", help="print the scales of the calibration half")
    parser.add_argument("--out", type=Path, help="folder for reach.md, reach.json and reach.svg")
    asked = parser.parse_args()
    followed = follow(asked.files)
    if asked.calibrate:
        sys.stdout.write(_as_code(calibrate(half(followed, calibration=True))))
    if asked.out:
        report(followed, asked.out)


def half(followed: Followed, *, calibration: bool) -> Cases:
    """The cases of one half of the fires."""
    return {fire: own for fire, own in followed.cases.items() if in_calibration(fire) == calibration}


def of_class(cases: Cases, basis: str, pixel: str) -> Cases:
    """The cases of one class."""
    return {
        fire: chosen
        for fire, own in cases.items()
        if (chosen := [c for c in own if c.own == (basis == OWN) and c.fine == (pixel == FINE)])
    }


# ---------------------------------------------------------------------- calibration


def calibrate(cases: Cases) -> dict[tuple[str, str], tuple[Scale, ...]]:
    """Scales of every class, those that too few fires speak for borrowed (protocol, points 5 and 6)."""
    raw = {key: [_scale(of_class(cases, *key), h) for h in range(len(HORIZONS_H))] for key in CLASSES}
    shipped: dict[tuple[str, str], tuple[Scale, ...]] = {}
    for basis, pixel in CLASSES:
        scales: list[Scale] = []
        least = np.zeros(len(LEVELS))
        for h, scale in enumerate(raw[basis, pixel]):
            values = scale.values
            if not scale.calibrated:
                longer = [s for s in raw[basis, pixel][h:] if s.calibrated]
                others = [s for p in (FINE, COARSE) for s in raw[basis, p][h:] if s.calibrated]
                lenders = longer[:1] or others
                if not lenders:
                    raise SystemExit(f"no class of {basis} has {FIRES_MIN} fires: nothing can be said honestly")
                values = tuple(np.max([s.values for s in lenders], axis=0).tolist())
            least = np.maximum(least, values)
            scales.append(Scale(scale.fires, tuple(least.tolist()), scale.calibrated))
        shipped[basis, pixel] = tuple(scales)
    return shipped


def _scale(cases: Cases, horizon: int) -> Scale:
    by_fire = [[nonconformity(c, horizon) for c in own if horizon in c.outcomes] for own in cases.values()]
    by_fire = [scores for scores in by_fire if scores]
    fires = len(by_fire)
    if fires < FIRES_MIN:
        return Scale(fires, (math.nan,) * 3, calibrated=False)
    values = weighted_quantiles(by_fire)
    digits = 2 if next(iter(cases.values()))[0].own else -1  # factors to 0.01, metres to 10, upwards
    return Scale(fires, tuple(math.ceil(v * 10**digits) / 10**digits for v in values), calibrated=True)


def nonconformity(case: Case, horizon: int) -> float:
    """How far the farthest newly burnt cell lay: in units of the advance, or in metres for the pooled prior."""
    farthest = case.outcomes[horizon].farthest_m
    return farthest / (case.advance_m + PIXEL_M) if case.own else farthest


def weighted_quantiles(by_fire: list[list[float]]) -> list[float]:
    """For each level the least score below which that share of the weight lies: every fire weighs 1, shared by its
    cases, and one more fire lies at infinity (Lee, Barber & Willett 2023).

    >>> weighted_quantiles([[1.0, 2.0], [5.0], [3.0]])
    [3.0, inf, inf]
    """
    scores = np.array([score for own in by_fire for score in own])
    weights = np.array([1.0 / len(own) for own in by_fire for _ in own])
    order = np.argsort(scores)
    total = np.cumsum(weights[order])
    reached = [total >= level / 100.0 * (len(by_fire) + 1) - 1e-9 for level in LEVELS]
    return [float(scores[order][ok][0]) if ok.any() else math.inf for ok in reached]


def _as_code(scales: dict[tuple[str, str], tuple[Scale, ...]]) -> str:
    names = {OWN: "OWN", PRIOR: "PRIOR", FINE: "FINE", COARSE: "COARSE"}
    lines = ["SCALES: dict[tuple[str, str], tuple[Scale, ...]] = {\n"]
    for (basis, pixel), row in scales.items():
        lines.append(f"    ({names[basis]}, {names[pixel]}): (\n")
        lines += [f"        Scale({s.fires}, {s.values}, calibrated={s.calibrated}),\n" for s in row]
        lines.append("    ),\n")
    return "".join([*lines, "}\n"])


# ---------------------------------------------------------------------- scores


HEAD = """# How far fires could reach: scores on the fires held back

Made by `python -m benchmarks.reach --out docs FILES…`; the protocol is in
[decision 12](decisions/0012-could-be-reached.md). Each fire weighs 1; in brackets the 90 % interval by bootstrap over
fires.

- *reliability*: share of cases in which all that newly burned lay inside (P80 promises 0.80)
- *coverage*: share of the newly burnt area inside, over cases in which something burned
- *precision*: newly burnt share of the band's area
- *missed*, *false alarms*, *lead*: of places scattered evenly up to 10 km round each fire, not yet within 300 m of it,
  and that came within 300 m of what burned, the share not told of; of those told of, the share not reached; hours
  from the issue to the first pass that saw it there

![Reliability](reach.svg)

"""


def report(followed: Followed, out: Path) -> None:
    """Score the held-back half once; write table, figures and plot."""
    test = half(followed, calibration=False)
    scores: dict[str, Score] = {}
    lines = [HEAD, f"{followed.fires} fires followed, {len(followed.cases)} seen again near a horizon, "
             f"{len(test)} of them held back.\n"]  # fmt: skip
    for basis, pixel in CLASSES:
        cases = of_class(test, basis, pixel)
        for h, hours in enumerate(HORIZONS_H):
            found = {name: score(cases, h, method) for name, method in METHODS.items()}
            shown = {name: s for name, s in found.items() if s is not None}
            if not shown:
                continue
            first, scale = next(iter(shown.values())), SCALES[basis, pixel][h]
            said = f"{scale.fires} calibration fires" if scale.calibrated else f"not calibrated: {scale.fires} fires"
            lines.append(f"\n### {basis}, {pixel} pixels, {hours:g} h ({said}; {first.fires} fires, "
                         f"{first.cases} cases held back)\n\n")  # fmt: skip
            lines += _table(shown)
            scores |= {f"{basis}|{pixel}|{hours:g}|{name}": s for name, s in shown.items()}
    out.mkdir(parents=True, exist_ok=True)
    (out / "reach.md").write_text("".join(lines), encoding="utf-8")
    plain = {key: {"fires": s.fires, "cases": s.cases, **s.values} for key, s in scores.items()}
    (out / "reach.json").write_text(json.dumps(plain, indent=1), encoding="utf-8")
    (out / "reach.svg").write_text(reliability_plot(scores), encoding="utf-8")
    sys.stdout.write("".join(lines))


def _table(shown: dict[str, Score]) -> list[str]:
    columns = list(next(iter(shown.values())).values)
    lines = ["| | " + " | ".join(columns) + " |\n", "|---" * (len(columns) + 1) + "|\n"]
    for name, s in shown.items():
        cells = [_cell(*s.values[column]) for column in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |\n")
    return lines


def _cell(value: float, low: float, high: float) -> str:
    if math.isnan(value):
        return "–"
    digits = 1 if value > 2.0 else 2
    return f"{value:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


if __name__ == "__main__":
    main()
