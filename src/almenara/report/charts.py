"""Growth of a hazard as inline SVG: area as a step line, radiative power as bars below, one time axis."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from almenara.report.markup import Html, decimal, in_language, join, tag

_WIDTH, _LEFT, _RIGHT = 460, 52, 10
_AREA_TOP, _AREA_BOTTOM, _POWER_TOP, _POWER_BOTTOM, _HEIGHT = 18, 118, 138, 188, 210
_POINTS_MAX = 300
_TICK_HOURS = (1, 3, 6, 12, 24, 48, 96, 168, 336, 720, 2160, 8760, 43800)

_Values = NDArray[np.float64]


def growth(timeline: pa.Table, hazard: str) -> Html | None:
    """The chart of one hazard, None when its timeline has fewer than two different times."""
    steps = timeline.filter(pc.equal(timeline.column("hazard_id"), hazard)).sort_by("time")
    times = pc.cast(steps.column("time"), pa.int64()).to_numpy() / 1000.0
    if not len(times) or times[0] == times[-1]:
        return None
    area = np.nan_to_num(_column(steps, "area_km2"))
    power = np.nan_to_num(_column(steps, "frp_mw"))
    first = float(times[0])
    last = float(times[-1]) + 0.04 * float(times[-1] - times[0])  # room to see the last step
    x = _LEFT + (times - first) / (last - first) * (_WIDTH - _LEFT - _RIGHT)
    return tag(
        "svg",
        _time_axis(first, last),
        _axis(float(area.max()), _AREA_TOP, _AREA_BOTTOM, _caption("superficie, km²", "area, km²")),
        tag("path", d=Html(_steps(x, area)), class_="area"),
        _axis(float(power.max()), _POWER_TOP, _POWER_BOTTOM, _caption("potencia radiativa, MW", "radiative power, MW")),
        tag("path", d=Html(_bars(x, power)), class_="power"),
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        class_="chart",
        role="img",
    )


def _column(steps: pa.Table, name: str) -> _Values:
    if name not in steps.column_names:
        return np.zeros(steps.num_rows)
    return np.asarray(pc.fill_null(pc.cast(steps.column(name), pa.float64()), math.nan).to_numpy(), dtype=np.float64)


def _steps(x: _Values, area: _Values) -> str:
    top = _nice_top(float(area.max()))
    y = _AREA_BOTTOM - area / top * (_AREA_BOTTOM - _AREA_TOP)
    if len(x) > _POINTS_MAX:
        chosen = np.unique(np.linspace(0, len(x) - 1, _POINTS_MAX).astype(np.int64))
        x, y = x[chosen], y[chosen]
    pieces = [f"M{x[0]:.1f} {_AREA_BOTTOM}V{y[0]:.1f}"]
    pieces += [f"H{px:.1f}V{py:.1f}" for px, py in zip(x[1:].tolist(), y[1:].tolist(), strict=True)]
    return "".join(pieces) + f"H{_WIDTH - _RIGHT}V{_AREA_BOTTOM}Z"


def _bars(x: _Values, power: _Values) -> str:
    """The strongest power in each stretch of the axis that one bar can show."""
    top = _nice_top(float(power.max()))
    slots = np.clip(np.round(x / 3), _LEFT / 3, (_WIDTH - _RIGHT) / 3).astype(np.int64)
    strongest: dict[int, float] = {}
    for slot, value in zip(slots.tolist(), power.tolist(), strict=True):
        strongest[slot] = max(value, strongest.get(slot, 0.0))
    tall = _POWER_BOTTOM - _POWER_TOP
    return "".join(
        f"M{slot * 3 - 1} {_POWER_BOTTOM}v{-value / top * tall:.1f}h2V{_POWER_BOTTOM}z"
        for slot, value in sorted(strongest.items())
        if value > 0
    )


def _axis(highest: float, top: int, bottom: int, caption: Html) -> Html:
    most = _nice_top(highest)
    label = decimal(most, 0 if most == int(most) else 1 if most >= 0.1 else 3)
    shown = _caption(in_language(label, "es"), in_language(label, "en")) if "<" in label else label
    return tag(
        "g",
        tag("path", d=f"M{_LEFT} {top}V{bottom}H{_WIDTH - _RIGHT}"),
        tag("path", d=f"M{_LEFT} {top}H{_WIDTH - _RIGHT}", class_="guide"),
        tag("text", shown, x=_LEFT - 5, y=top + 4, text_anchor="end"),
        tag("text", "0", x=_LEFT - 5, y=bottom + 3, text_anchor="end"),
        tag("text", caption, x=_LEFT + 4, y=top - 5, class_="caption"),
        class_="axis",
    )


def _caption(es: object, en: object) -> Html:
    return join([tag("tspan", es, lang="es"), tag("tspan", en, lang="en", dx=8)])  # dx parts them when both are shown


def _time_axis(first: float, last: float) -> Html:
    hours = (last - first) / 3600
    step = next((h for h in _TICK_HOURS if hours / h <= 4), _TICK_HOURS[-1] * 4)
    start = datetime.fromtimestamp(first, UTC)
    tick = start.replace(minute=0, second=0, microsecond=0) - timedelta(hours=start.hour % min(step, 24))
    parts: list[Html] = []
    while (at := tick.timestamp()) <= last:
        if at >= first:
            x = _LEFT + (at - first) / (last - first) * (_WIDTH - _LEFT - _RIGHT)
            text = tick.strftime("%m-%d %H:%M" if step < 24 else "%Y-%m-%d")
            parts.append(tag("path", d=f"M{x:.1f} {_AREA_TOP}V{_POWER_BOTTOM}", class_="guide"))
            if x <= _WIDTH - 34:
                parts.append(tag("text", text, x=f"{max(x, 34):.1f}", y=_HEIGHT - 8, text_anchor="middle"))
        tick += timedelta(hours=step)
    return tag("g", join(parts), class_="axis")


def _nice_top(value: float) -> float:
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(nice * power for nice in (1, 1.5, 2, 3, 4, 5, 7.5, 10) if value <= nice * power * 1.0000001)
