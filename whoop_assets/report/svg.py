"""A chart as data: what is painted where, in a box 100 high and one unit a day wide; and path data for its marks.

The box is stretched to whatever width it gets, so marks carry no text and no circles: strokes keep their width
(`non-scaling-stroke`), and a dot is a stroke of no length with a round end. Words stand beside the box.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Mark:
    """Path data and the class that says how it is painted."""

    kind: str
    path: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A label at a share of the axis: from the left, or from the bottom. A minor one may go where room is scarce."""

    at: float
    label: str
    minor: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart. `summary` says in a sentence what it shows, for those who do not see it."""

    key: str
    title: str
    unit: str
    summary: str
    width: float
    marks: tuple[Mark, ...]
    y: tuple[Tick, ...]
    x: tuple[Tick, ...]
    legend: tuple[tuple[str, str], ...]
    tips: tuple[str, ...] = ()
    """What each unit of the width says when it is pointed at."""

    def painted(self) -> str:
        """The marks as SVG paths, the grid lines below them."""
        grid = "".join(f"M0 {_n(100 * (1 - tick.at))}h{_n(self.width)}" for tick in self.y)
        marks = [Mark("grid", grid), *self.marks]
        return "".join(f'<path class="{mark.kind}" d="{mark.path}"/>' for mark in marks if mark.path)

    def pointed(self) -> str:
        """Invisible columns that show their tip when pointed at."""
        return "".join(
            f'<path class="tip" d="M{place} 0h1v100h-1z"><title>{escape(tip)}</title></path>'
            for place, tip in enumerate(self.tips)
        )


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to heights in the box."""

    low: float
    high: float

    def share(self, value: float) -> float:
        """0 at the bottom, 1 at the top; what lies outside is put at the edge."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def y(self, value: float) -> float:
        return 100.0 * (1.0 - self.share(value))

    def ticks(self, step: float, digits: int = 0) -> tuple[Tick, ...]:
        """A tick at every multiple of the step."""
        count = round((self.high - self.low) / step)
        values = [self.low + n * step for n in range(count + 1)]
        return tuple(Tick(self.share(value), f"{value:.{digits}f}") for value in values)


def fitting(values: Iterable[float | None], *, at_least: float = 10.0) -> tuple[Scale, float]:
    """A scale of round numbers that holds the values, and a step that divides it into two to five."""
    known = [value for value in values if value is not None] or [0.0]
    low, high = min(known), max(known)
    wanted = max(high - low, at_least)
    step = next(
        step for step in (5.0, 10.0, 20.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1e9) if wanted / step <= 4
    )
    bottom = max(0.0, low // step * step)
    top = bottom + step
    while top < high:
        top += step
    return Scale(bottom, top), step


def bars(scale: Scale, values: Values) -> str:
    """A bar from the bottom for each value that is there."""
    return "".join(
        f"M{_n(place + 0.14)} 100V{_n(min(scale.y(value), 99.0))}h.72V100z"
        for place, value in enumerate(values)
        if value is not None
    )


def dashes(scale: Scale, values: Values) -> str:
    """A short level stroke at each value."""
    return "".join(
        f"M{_n(place + 0.04)} {_n(scale.y(value))}h.92"
        for place, value in enumerate(values)
        if value is not None
    )


def line(scale: Scale, values: Values) -> str:
    """A line through the middles of the days, broken where a value is missing."""
    path, drawing = [], False
    for place, value in enumerate(values):
        if value is not None:
            path.append(f"{'L' if drawing else 'M'}{_n(place + 0.5)} {_n(scale.y(value))}")
        drawing = value is not None
    return "".join(path)


def band(scale: Scale, lows: Values, highs: Values) -> str:
    """The area between two lines, closed wherever either is missing."""
    pieces: list[list[tuple[float, float, float]]] = [[]]
    for place, (low, high) in enumerate(zip(lows, highs, strict=True)):
        if low is None or high is None:
            pieces.append([])
        else:
            pieces[-1].append((place, scale.y(low), scale.y(high)))
    path = []
    for piece in filter(None, pieces):
        # A day is a unit wide: the area begins and ends with its days, so that a lone day shows too.
        first, last = piece[0], piece[-1]
        upper = [(first[0], first[2]), *((x + 0.5, top) for x, _, top in piece), (last[0] + 1, last[2])]
        lower = [(last[0] + 1, last[1]), *((x + 0.5, y) for x, y, _ in reversed(piece)), (first[0], first[1])]
        path.append("M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in [*upper, *lower]) + "z")
    return "".join(path)


def dots(points: Iterable[tuple[float, float]]) -> str:
    """A dot at each place of the box."""
    return "".join(f"M{_n(x)} {_n(y)}h.001" for x, y in points)


def missing(values: Values) -> str:
    """A short stroke at the bottom of each day that has no value."""
    return "".join(f"M{_n(place + 0.2)} 99h.6" for place, value in enumerate(values) if value is None)


def box(left: float, bottom: float, right: float, top: float) -> str:
    """A rectangle."""
    return f"M{_n(left)} {_n(bottom)}V{_n(top)}H{_n(right)}V{_n(bottom)}z"


def _n(value: float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return text if text not in ("", "-0") else "0"
