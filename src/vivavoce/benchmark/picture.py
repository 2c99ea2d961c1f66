"""One picture: first audio over conversations, with the limit, gaps and refusals. SVG, readable in light and dark."""

import math
from collections.abc import Iterator, Sequence
from html import escape

from vivavoce.benchmark.climbing import Climb, Step
from vivavoce.benchmark.report import sentence

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 690, 80, 330
HIGHEST = 3.0
"""Of the limit: what lies above is drawn at the edge, with its figure."""
LINES = 5
FONT = 'font-family="system-ui, sans-serif" font-size="13"'
STYLE = """
    svg { --ground: #fff; --ink: #222; --faint: #767676; --grid: #ddd; --half: #1a66b3; --most: #a34a00;
      --limit: #b00020 }
    @media (prefers-color-scheme: dark) {
      svg { --ground: #16181c; --ink: #eee; --faint: #a0a0a0; --grid: #3a3d42; --half: #7ab8ff; --most: #ffb066;
        --limit: #ff8095 }
    }
    .ground { fill: var(--ground) }
    text { fill: var(--ink); paint-order: stroke; stroke: var(--ground); stroke-width: 3px }
    .faint { fill: var(--faint) }
    .grid { stroke: var(--grid) } .limit { stroke: var(--limit); stroke-dasharray: 2 4; stroke-width: 2 }
    .half, .most { fill: none; stroke: var(--half); stroke-width: 2.5 }
    .most { stroke: var(--most); stroke-dasharray: 8 4 }
    .dot-half { fill: var(--half) } .dot-most { fill: var(--most) } .lost { fill: var(--limit) }
"""


def picture(climb: Climb, *, own: bool) -> str:
    """The whole file."""
    said, model = escape(sentence(climb, own=own)), escape(climb.asked.model[:48])
    heading = said if len(said) < 84 else "First audio"
    under = f"First audio in ms over conversations at once; model {model}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {FONT} role="img">',
            f"  <title>{said}</title>",
            f"  <style>{STYLE}  </style>",
            f'  <rect class="ground" width="{WIDTH}" height="{HEIGHT}"/>',
            f'  <text x="{LEFT}" y="32" font-size="16" font-weight="600">{heading}</text>',
            f'  <text class="faint" x="{LEFT}" y="54">{under}</text>',
            *(f"  {part}" for part in _drawn(climb.steps, climb.plan.limit_s)),
            "</svg>\n",
        ]
    )


def _drawn(steps: Sequence[Step], limit_s: float) -> Iterator[str]:
    scale = _Scale(steps, limit_s)
    yield from scale.axes()
    y = scale.y(limit_s)
    yield f'<line class="limit" x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    yield f'<text class="lost" x="{RIGHT}" y="{y - 6:.1f}" text-anchor="end">limit {limit_s * 1000:.0f} ms</text>'
    first = [step.measured.first_audio() for step in steps]
    yield from scale.line("most", [spread.p95 if spread else math.inf for spread in first], "p95", -10)
    yield from scale.line("half", [spread.p50 if spread else math.inf for spread in first], "p50", 20)
    for place, step in enumerate(steps):
        yield from _marks(step, scale.x(place))


def _marks(step: Step, x: float) -> Iterator[str]:
    """Beneath a step: how many it is, what was heard as a gap, and what was not answered."""
    cut = "" if step.whole else " (cut short)"
    yield f'<text x="{x:.1f}" y="{BOTTOM + 20}" text-anchor="middle">{step.conversations}{cut}</text>'
    gaps, _ = step.measured.gaps()
    lost = len(step.measured.turns) - len(step.measured.answered)
    told = [f"▲ {gaps} gap{'s' * (gaps > 1)}"] if gaps else []
    told += [f"✕ {lost} of {len(step.measured.turns)} unanswered"] if lost else []
    for row, text in enumerate(told):
        yield f'<text class="lost" x="{x:.1f}" y="{BOTTOM + 40 + 18 * row}" text-anchor="middle">{text}</text>'


class _Scale:
    """Where steps and times lie."""

    def __init__(self, steps: Sequence[Step], limit_s: float) -> None:
        spreads = [spread for step in steps if (spread := step.measured.first_audio())]
        times = [time for spread in spreads for time in (spread.p50, spread.p95) if math.isfinite(time)]
        self._top_s = 1.15 * max(limit_s, min(max(times, default=0), HIGHEST * limit_s))
        self._steps = len(steps)

    def x(self, place: int) -> float:
        """Of a step: they lie equally far apart."""
        return LEFT + (RIGHT - LEFT) * (place + 0.5) / max(1, self._steps)

    def y(self, seconds: float) -> float:
        """Of a time; what is above the picture lies at its edge."""
        return BOTTOM - (BOTTOM - TOP) * min(seconds, self._top_s) / self._top_s

    def axes(self) -> Iterator[str]:
        """The times at the left, each with its line."""
        width = 10 ** math.floor(math.log10(self._top_s * 1000 / LINES))
        width *= next(factor for factor in (1, 2, 5, 10) if self._top_s * 1000 / (width * factor) <= LINES)
        for index in range(int(self._top_s * 1000 // width) + 1):
            y = self.y(index * width / 1000)
            yield f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield f'<text class="faint" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{index * width:g}</text>'

    def line(self, kind: str, times_s: Sequence[float], name: str, offset: float) -> Iterator[str]:
        """A line through the times of the steps, each told in figures."""
        places = [(self.x(place), self.y(time)) for place, time in enumerate(times_s)]
        yield f'<polyline class="{kind}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>'
        for (x, y), time in zip(places, times_s, strict=True):
            figure = f"{time * 1000:.0f}" if math.isfinite(time) else "never"
            yield f'<circle class="dot-{kind}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
            yield f'<text x="{x:.1f}" y="{y + offset:.1f}" text-anchor="middle">{name} {figure}</text>'
