"""A chart as a picture of its own: an SVG file with its words inside, on white, for where no style sheet reaches.

Dagster's UI takes inline SVG out of Markdown; an image with a `data:` address it shows.
"""

import base64
from collections.abc import Iterable
from html import escape

from whoop_assets.report.svg import Chart

LARGEST = 50_000
"""Bytes of an image in an event log, at most; a chart of 60 days has about a tenth."""

WIDTH, HEIGHT = 640, 196
_LEFT, _TOP, _RIGHT, _BOTTOM = 38, 56, 12, 22
_STYLE = (
    "text{font:11px system-ui,sans-serif;fill:#59616d}.h{font-weight:600;font-size:13px;fill:#1c2127}"
    "path{vector-effect:non-scaling-stroke;fill:none;stroke-linecap:butt}"
    ".grid{stroke:#dfe2e6}.none{stroke:#8d96a3;stroke-width:2}"
    ".bar{stroke:none}.green{fill:#2b8f57;stroke:#2b8f57}.yellow{fill:#b5850b;stroke:#b5850b}"
    ".red{fill:#cc4238;stroke:#cc4238}.sleep{fill:#5b7fc4}.strain{fill:#7b93b8}"
    ".need{stroke:#1c2127;stroke-width:2}.area{fill:#7a5bb0;fill-opacity:.18}.mean{stroke:#6a4ba0;stroke-width:1.5;"
    "stroke-dasharray:5 3}.week{stroke:#1c2127;stroke-width:2}.thread{stroke:#7a5bb0;stroke-opacity:.45}"
    ".dot{stroke:#6a4ba0;stroke-width:5;stroke-linecap:round;fill:none}.dot.green{stroke:#2b8f57}"
    ".dot.yellow{stroke:#b5850b}.dot.red{stroke:#cc4238}.zone{stroke:none;fill-opacity:.09}"
    ".target{stroke:#59616d;stroke-dasharray:3 3}.newest{stroke:#1c2127;stroke-width:9;stroke-linecap:round}"
    ".line{stroke:#59616d;stroke-width:2}"
)


def image(chart: Chart) -> str:
    """The chart as a stand-alone SVG document."""
    width, height = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
    words = [
        f'<text class="h" x="{_LEFT}" y="18">{escape(chart.title)}</text>',
        f'<text x="{WIDTH - _RIGHT}" y="18" text-anchor="end">{escape(chart.unit)}</text>',
        *(
            f'<text x="{_LEFT - 6}" y="{_TOP + height * (1 - tick.at) + 4:.0f}" text-anchor="end">'
            f"{escape(tick.label)}</text>"
            for tick in chart.y
        ),
        *(
            f'<text x="{_LEFT + width * tick.at:.0f}" y="{HEIGHT - 6}" text-anchor="{_anchor(tick.at)}">'
            f"{escape(tick.label)}</text>"
            for tick in chart.x
        ),
        *_legend(chart),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img"><title>{escape(chart.title)}</title><desc>{escape(chart.summary)}</desc><style>{_STYLE}</style>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
        f'<svg x="{_LEFT}" y="{_TOP}" width="{width}" height="{height}" viewBox="0 0 {chart.width:g} 100" '
        f'preserveAspectRatio="none" overflow="visible">{chart.painted()}</svg>{"".join(words)}</svg>'
    )


def markdown(charts: Iterable[Chart], heading: str = "") -> str:
    """The charts as Markdown, one below the other: images with `data:` addresses, the summary as alternative text."""
    shown = [f"#### {heading}"] if heading else []
    for chart in charts:
        data = base64.b64encode(image(chart).encode()).decode()
        # Square brackets would end the alternative text.
        said = f"{chart.title}. {chart.summary}".replace("[", "(").replace("]", ")")
        shown.append(f"![{said}](data:image/svg+xml;base64,{data})")
    return "\n\n".join(shown)


def _legend(chart: Chart) -> Iterable[str]:
    """Samples of the marks with their names, in a row below the title."""
    x = _LEFT
    for kind, label in chart.legend:
        sample = "M2 6h.001" if kind.startswith(("dot", "newest")) else "M0 6h10"
        if kind.startswith(("bar", "area", "zone")):
            sample = "M0 1h10v10h-10z"
        yield (
            f'<path class="{kind}" transform="translate({x} 29)" d="{sample}"/>'
            f'<text x="{x + 15}" y="39">{escape(label)}</text>'
        )
        x += 34 + int(len(label) * 5.9)


def _anchor(at: float) -> str:
    return "start" if at < 0.03 else "end" if at > 0.97 else "middle"
