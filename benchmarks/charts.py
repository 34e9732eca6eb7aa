"""Plots as SVG, with logarithmic scales and labelled axes: bars to compare engines, lines to see growth."""

import math
from collections.abc import Callable, Mapping, Sequence
from xml.sax.saxutils import escape

from benchmarks.page import big

Points = Sequence[tuple[float, float]]

_COLOURS = ("#c0392b", "#1f618d", "#1e8449", "#7d3c98", "#b9770e", "#566573", "#117a65", "#943126", "#34495e")
_FONT = 'font-family="sans-serif" font-size="12"'


def bars(title: str, unit: str, values: dict[str, float]) -> str:
    """A bar for each engine on a logarithmic scale, the longest first."""
    ordered = sorted(values.items(), key=lambda item: -item[1])
    low, high = _decades([value for _, value in ordered])
    left, right, top, step = 170.0, 90.0, 40.0, 24.0
    width, height = 720.0, top + step * len(ordered) + 46.0

    def across(value: float) -> float:
        return left + (width - left - right) * (math.log10(value) - low) / (high - low)

    foot = height - 40.0
    parts = _grid_across(low, high, across, top - 8.0, foot)
    for place, (name, value) in enumerate(ordered):
        y = top + step * place
        colour = _COLOURS[0] if name == "Almenara" else _COLOURS[1]
        parts += [
            f'<rect x="{left:.1f}" y="{y:.1f}" width="{across(value) - left:.1f}" height="16" fill="{colour}"/>',
            f'<text x="{left - 8:.1f}" y="{y + 12:.1f}" text-anchor="end">{escape(name)}</text>',
            f'<text x="{across(value) + 6:.1f}" y="{y + 12:.1f}">{big(value)}</text>',
        ]
    parts.append(
        f'<text x="{(left + width - right) / 2:.1f}" y="{height - 6:.1f}" text-anchor="middle">{escape(unit)}</text>'
    )
    return _svg(width, height, title, parts)


def lines(title: str, x_label: str, y_label: str, series: Mapping[str, Points]) -> str:
    """A line for each series, both axes logarithmic and labelled."""
    x_low, x_high = _decades([x for points in series.values() for x, _ in points])
    y_low, y_high = _decades([y for points in series.values() for _, y in points])
    left, right, top, bottom, width, height = 70.0, 190.0, 40.0, 52.0, 720.0, 400.0

    def across(value: float) -> float:
        return left + (width - left - right) * (math.log10(value) - x_low) / (x_high - x_low)

    def down(value: float) -> float:
        return height - bottom - (height - top - bottom) * (math.log10(value) - y_low) / (y_high - y_low)

    parts = _grid_across(x_low, x_high, across, top, height - bottom)
    for decade in range(y_low, y_high + 1):
        y = down(10.0**decade)
        parts += [
            f'<line x1="{left}" x2="{width - right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>',
            f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{_power(decade)}</text>',
        ]
    for place, (name, points) in enumerate(series.items()):
        colour = _COLOURS[place % len(_COLOURS)]
        path = " ".join(f"{across(x):.1f},{down(y):.1f}" for x, y in points)
        y = top + 8.0 + 20.0 * place
        parts += [
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
            *(f'<circle cx="{across(x):.1f}" cy="{down(y):.1f}" r="3" fill="{colour}"/>' for x, y in points),
            f'<rect x="{width - right + 14}" y="{y - 8:.1f}" width="10" height="10" fill="{colour}"/>',
            f'<text x="{width - right + 30}" y="{y + 1:.1f}">{escape(name)}</text>',
        ]
    middle = (top + height - bottom) / 2
    parts += [
        f'<text x="{(left + width - right) / 2:.1f}" y="{height - 12}" text-anchor="middle">{escape(x_label)}</text>',
        f'<text transform="translate(16 {middle:.1f}) rotate(-90)" text-anchor="middle">{escape(y_label)}</text>',
    ]
    return _svg(width, height, title, parts)


def _grid_across(low: int, high: int, across: Callable[[float], float], top: float, foot: float) -> list[str]:
    parts = []
    for decade in range(low, high + 1):
        x = across(10.0**decade)
        parts += [
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{foot:.1f}" stroke="#ddd"/>',
            f'<text x="{x:.1f}" y="{foot + 16:.1f}" text-anchor="middle">{_power(decade)}</text>',
        ]
    return parts


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """Whole powers of ten round all values."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def _power(decade: int) -> str:
    return "10" + str(decade).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _svg(width: float, height: float, title: str, parts: list[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" {_FONT} fill="#222">'
    back = f'<rect width="{width:.0f}" height="{height:.0f}" fill="white"/>'
    name = f'<text x="12" y="20" font-size="14" font-weight="bold">{escape(title)}</text>'
    return "\n".join([head, back, name, *parts, "</svg>"]) + "\n"
