"""Charts as data, and functions that compute the SVG paths of their shapes.

A chart is a box, 100 high and one unit per day wide. The browser stretches it, so shapes contain no text and
no circles: strokes keep their width (`non-scaling-stroke`), and a dot is a stroke of almost no length with
round ends. Labels are placed outside the box.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Shape:
    """One SVG path and the CSS classes that style it."""

    kind: str
    path: str


@dataclass(frozen=True, slots=True)
class Tick:
    """An axis label. `at` is its place, 0 (left or bottom) to 1; narrow screens hide minor labels."""

    at: float
    label: str
    minor: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart.

    Attributes:
        key: Identifier of the chart on a page.
        title: Heading.
        unit: Unit of the y axis.
        summary: What the chart shows, as one sentence; it is also the text alternative.
        width: Width of the box, in days.
        shapes: What is drawn, in order.
        y: Labels of the y axis.
        x: Labels of the x axis.
        legend: CSS classes of a sample shape, and its label.
        tips: The tooltip of each day.
    """

    key: str
    title: str
    unit: str
    summary: str
    width: float
    shapes: tuple[Shape, ...]
    y: tuple[Tick, ...]
    x: tuple[Tick, ...]
    legend: tuple[tuple[str, str], ...]
    tips: tuple[str, ...] = ()

    @property
    def grid(self) -> str:
        """The path of the horizontal grid lines."""
        return "".join(f"M0 {_text(100 * (1 - tick.at))}h{_text(self.width)}" for tick in self.y)


@dataclass(frozen=True, slots=True)
class Scale:
    """Converts values to heights in the box."""

    low: float
    high: float

    def share(self, value: float) -> float:
        """Return the height of the value, 0 (bottom) to 1 (top), clipped."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def y(self, value: float) -> float:
        return 100.0 * (1.0 - self.share(value))

    def ticks(self, step: float) -> tuple[Tick, ...]:
        """Return a label at every multiple of the step."""
        count = round((self.high - self.low) / step)
        values = [self.low + number * step for number in range(count + 1)]
        return tuple(Tick(self.share(value), f"{value:.0f}") for value in values)


def fitting_scale(values: Iterable[float | None]) -> tuple[Scale, float]:
    """Return a scale of round numbers that contains the values, and the distance of its labels."""
    known = [value for value in values if value is not None] or [0.0]
    low, high = min(known), max(known)
    wanted = max(high - low, 10.0)
    steps = (5.0, 10.0, 20.0, 25.0, 50.0, 100.0, 250.0, 500.0)
    # A stored value can be far out of range, and the number of labels must stay small.
    step = next((step for step in steps if wanted / step <= 4), 10.0 ** math.ceil(math.log10(wanted / 4)))
    bottom = max(0.0, low // step * step)
    return Scale(bottom, bottom + step * max(1, math.ceil((high - bottom) / step))), step


def bars(scale: Scale, values: Values) -> str:
    """Return a bar for each known value."""
    return "".join(
        f"M{_text(place + 0.14)} 100V{_text(min(scale.y(value), 99.0))}h.72V100z"
        for place, value in enumerate(values)
        if value is not None
    )


def dashes(scale: Scale, values: Values) -> str:
    """Return a short horizontal stroke at each known value."""
    return "".join(
        f"M{_text(place + 0.04)} {_text(scale.y(value))}h.92"
        for place, value in enumerate(values)
        if value is not None
    )


def line(scale: Scale, values: Values) -> str:
    """Return a line through the middles of the days, interrupted at missing values."""
    path, drawing = [], False
    for place, value in enumerate(values):
        if value is not None:
            path.append(f"{'L' if drawing else 'M'}{_text(place + 0.5)} {_text(scale.y(value))}")
        drawing = value is not None
    return "".join(path)


def band(scale: Scale, lows: Values, highs: Values) -> str:
    """Return the area between two lines, interrupted at missing values."""
    pieces: list[list[tuple[float, float, float]]] = [[]]
    for place, (low, high) in enumerate(zip(lows, highs, strict=True)):
        if low is None or high is None:
            pieces.append([])
        else:
            pieces[-1].append((place, scale.y(low), scale.y(high)))
    path = []
    for piece in filter(None, pieces):
        # The area covers its first and last day completely, so that a single day is visible too.
        first, last = piece[0], piece[-1]
        upper = [(first[0], first[2]), *((x + 0.5, top) for x, _, top in piece), (last[0] + 1, last[2])]
        lower = [(last[0] + 1, last[1]), *((x + 0.5, y) for x, y, _ in reversed(piece)), (first[0], first[1])]
        path.append("M" + "L".join(f"{_text(x)} {_text(y)}" for x, y in [*upper, *lower]) + "z")
    return "".join(path)


def dots(points: Iterable[tuple[float, float]]) -> str:
    """Return a dot at each point of the box."""
    return "".join(f"M{_text(x)} {_text(y)}h.001" for x, y in points)


def missing(values: Values) -> str:
    """Return a short stroke at the bottom of each day without a value."""
    return "".join(f"M{_text(place + 0.2)} 99h.6" for place, value in enumerate(values) if value is None)


def box(left: float, bottom: float, right: float, top: float) -> str:
    return f"M{_text(left)} {_text(bottom)}V{_text(top)}H{_text(right)}V{_text(bottom)}z"


def _text(value: float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return text if text not in ("", "-0") else "0"
