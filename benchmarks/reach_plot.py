"""The reliability plot of the reach bands as an SVG: what each level promises against what the held-back fires did."""

from collections.abc import Mapping

from almenara.stages.reach_bands import LEVELS
from benchmarks.reach_scores import Score

SIDE, GAP, TOP = 170, 62, 46
FIRES_MIN = 20  # fewer make no point worth drawing
COLOURS = {"6": "#b35806", "12": "#2166ac", "24": "#1b7837"}


def reliability_plot(scores: Mapping[str, Score]) -> str:
    """One panel for each class; `scores` by "basis|pixel|hours|method"."""
    classes = list(dict.fromkeys(tuple(key.split("|")[:2]) for key in scores))
    width = len(classes) * (SIDE + GAP) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {SIDE + TOP + 58}" font-family="sans-serif" '
        'font-size="11"><rect width="100%" height="100%" fill="#fff"/>'
    ]
    for number, (basis, pixel) in enumerate(classes):
        left = number * (SIDE + GAP) + 48
        parts.append(f'<g transform="translate({left} {TOP})">{_frame(basis, pixel)}')
        for shift, hours in enumerate(COLOURS):
            for level in LEVELS:
                found = scores.get(f"{basis}|{pixel}|{hours}|P{level}")
                if found is not None and found.fires >= FIRES_MIN:
                    parts.append(_point(level / 100, *found.values["reliability"], hours, shift - 1))
        parts.append("</g>")
    for number, (hours, colour) in enumerate(COLOURS.items()):
        x = 48 + number * 70
        y = SIDE + TOP + 46
        parts.append(f'<circle cx="{x}" cy="{y}" r="4" fill="{colour}"/><text x="{x + 8}" y="{y + 4}">{hours} h</text>')
    return "".join([*parts, "</svg>\n"])


def _frame(basis: str, pixel: str) -> str:
    ticks = "".join(
        f'<path d="M{p * SIDE} {SIDE}v4M0 {SIDE - p * SIDE}h-4" stroke="#444"/>'
        f'<text x="{p * SIDE}" y="{SIDE + 16}" text-anchor="middle">{p:.0%}</text>'
        f'<text x="-7" y="{SIDE - p * SIDE + 4}" text-anchor="end">{p:.0%}</text>'
        for p in (0.0, 0.5, 0.8, 1.0)
    )
    return (
        f'<rect width="{SIDE}" height="{SIDE}" fill="none" stroke="#444"/>'
        f'<path d="M0 {SIDE}L{SIDE} 0" stroke="#999" stroke-dasharray="4 3"/>{ticks}'
        f'<text x="{SIDE / 2}" y="-22" text-anchor="middle" font-weight="bold">{basis}, {pixel} pixels</text>'
        f'<text x="{SIDE / 2}" y="-8" text-anchor="middle" fill="#666">held-back cases all inside, by level</text>'
    )


def _point(level: float, value: float, low: float, high: float, hours: str, shift: int) -> str:
    x = level * SIDE + 4 * shift
    y, y0, y1 = (SIDE - part * SIDE for part in (value, low, high))
    colour = COLOURS[hours]
    return (
        f'<path d="M{x:.1f} {y0:.1f}V{y1:.1f}" stroke="{colour}" stroke-width="1.5"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>'
    )
