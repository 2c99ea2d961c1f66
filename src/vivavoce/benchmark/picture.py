"""One picture: first audio over conversations, with the limit, gaps and refusals. SVG, readable in light and dark."""

import math
import textwrap
from collections.abc import Iterator, Sequence
from html import escape

from vivavoce.benchmark.climbing import Climb, Step
from vivavoce.benchmark.report import sentence

LEFT, TOP, BOTTOM = 96, 46, 306
NARROWEST, STEP = 520, 84
"""Of the field; and of a step in it, which its figures need."""
BESIDE = 94
"""At the right of the field: for the limit."""
BENEATH = 40, 62, 84, 104
"""The field: how many conversations, gaps, questions without an answer, and whether it was cut short."""
LETTERS, ROW = 72, 22
"""Of the heading, at most; and how far apart its lines are."""
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


def picture(climb: Climb) -> str:
    """The whole file."""
    said = sentence(climb)
    heading = textwrap.wrap(said, LETTERS, break_on_hyphens=False)
    scale = _Scale(climb.steps, climb.plan.limit_s)
    width, down = scale.right + BESIDE, ROW * len(heading)
    under = [f"First audio in ms over conversations at once; model {climb.asked.model[:48]}"]
    under += [str(climb.machine)] if climb.on_one_machine else []
    height = down + ROW * len(under) + BOTTOM + BENEATH[-1] + 20
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {FONT} role="img">',
            f"  <title>{escape(said)}</title>",
            f"  <style>{STYLE}  </style>",
            f'  <rect class="ground" width="{width}" height="{height}"/>',
            *(
                f'  <text x="20" y="{10 + ROW * line}" font-size="16" font-weight="600">{escape(text)}</text>'
                for line, text in enumerate(heading, 1)
            ),
            *(
                f'  <text class="faint" x="20" y="{10 + down + ROW * line}">{escape(text)}</text>'
                for line, text in enumerate(under, 1)
            ),
            f'  <g transform="translate(0 {down + ROW * len(under)})">',
            *(f"    {part}" for part in _drawn(climb.steps, climb.plan.limit_s, scale)),
            "  </g>",
            "</svg>\n",
        ]
    )


def _drawn(steps: Sequence[Step], limit_s: float, scale: "_Scale") -> Iterator[str]:
    yield from scale.axes()
    yield from scale.limit(limit_s)
    first = [step.measured.first_audio() for step in steps]
    half = [spread.p50 if spread else math.inf for spread in first]
    most = [spread.p95 if spread else math.inf for spread in first]
    yield scale.line("most", most)
    yield scale.line("half", half)
    yield from scale.figures("most", most, "p95", -10)
    yield from scale.figures("half", half, "p50", 20)
    for y, name in zip(BENEATH, ("at once", "gaps", "unanswered"), strict=False):
        yield f'<text class="faint" x="{LEFT - 8}" y="{BOTTOM + y}" text-anchor="end">{name}</text>'
    for place, step in enumerate(steps):
        yield from _marks(step, scale.x(place))


def _marks(step: Step, x: float) -> Iterator[str]:
    """Beneath a step: how many it is, what was heard as a gap, and what was not answered."""
    gaps, _ = step.measured.gaps()
    turns, answered = len(step.measured.turns), len(step.measured.answered)
    told = [
        ("", str(step.conversations)),
        ("lost", f"▲ {gaps}") if gaps else ("faint", "0"),
        ("lost", f"✕ {turns - answered} of {turns}") if turns > answered else ("faint", "0"),
        ("lost", "" if step.whole else "cut short"),
    ]
    for y, (kind, text) in zip(BENEATH, told, strict=True):
        if text:
            yield f'<text class="{kind}" x="{x:.1f}" y="{BOTTOM + y}" text-anchor="middle">{text}</text>'


class _Scale:
    """Where steps and times lie."""

    def __init__(self, steps: Sequence[Step], limit_s: float) -> None:
        spreads = [spread for step in steps if (spread := step.measured.first_audio())]
        times = [time for spread in spreads for time in (spread.p50, spread.p95) if math.isfinite(time)]
        self._top_s = 1.15 * max(limit_s, min(max(times, default=0), HIGHEST * limit_s))
        self._steps = len(steps)
        self.right = LEFT + max(NARROWEST, STEP * self._steps)

    def x(self, place: int) -> float:
        """Of a step: they lie equally far apart."""
        return LEFT + (self.right - LEFT) * (place + 0.5) / max(1, self._steps)

    def y(self, seconds: float) -> float:
        """Of a time; what is above the picture lies at its edge."""
        return BOTTOM - (BOTTOM - TOP) * min(seconds, self._top_s) / self._top_s

    def axes(self) -> Iterator[str]:
        """The times at the left, each with its line."""
        width = 10 ** math.floor(math.log10(self._top_s * 1000 / LINES))
        width *= next(factor for factor in (1, 2, 5, 10) if self._top_s * 1000 / (width * factor) <= LINES)
        for index in range(int(self._top_s * 1000 // width) + 1):
            y = self.y(index * width / 1000)
            yield f'<line class="grid" x1="{LEFT}" x2="{self.right}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield f'<text class="faint" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{index * width:g}</text>'

    def limit(self, limit_s: float) -> Iterator[str]:
        """A line at the limit, which is told beside the field, where no other figure is."""
        y, x = self.y(limit_s), self.right + 8
        yield f'<line class="limit" x1="{LEFT}" x2="{self.right}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="lost" x="{x}" y="{y - 3:.1f}">limit</text>'
        yield f'<text class="lost" x="{x}" y="{y + 13:.1f}">{limit_s * 1000:.0f} ms</text>'

    def line(self, kind: str, times_s: Sequence[float]) -> str:
        """A line through the times of the steps."""
        points = " ".join(f"{self.x(place):.1f},{self.y(time):.1f}" for place, time in enumerate(times_s))
        return f'<polyline class="{kind}" points="{points}"/>'

    def figures(self, kind: str, times_s: Sequence[float], name: str, offset: float) -> Iterator[str]:
        """The times of the steps, each a dot, and told."""
        for place, time in enumerate(times_s):
            x, y = self.x(place), self.y(time)
            figure = f"{time * 1000:.0f}" if math.isfinite(time) else "never"
            yield f'<circle class="dot-{kind}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
            yield f'<text x="{x:.1f}" y="{y + offset:.1f}" text-anchor="middle">{name} {figure}</text>'
