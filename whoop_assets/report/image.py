"""A chart as a stand-alone SVG image with its labels inside, on white, for places without a style sheet.

Dagster's UI removes inline SVG from Markdown, but shows images with a `data:` address.
"""

import base64
from collections.abc import Iterable

from whoop_assets.report.rendering import template_environment
from whoop_assets.report.svg import Chart


def image(chart: Chart) -> str:
    """Return the chart as a stand-alone SVG document, 640 by 196 pixels."""
    return template_environment().get_template("chart.svg").render(chart=chart)


def markdown(charts: Iterable[Chart], heading: str = "") -> str:
    """Return the charts as Markdown images with `data:` addresses; the summary is the alternative text."""
    parts = [f"#### {heading}"] if heading else []
    for chart in charts:
        data = base64.b64encode(image(chart).encode()).decode()
        # Square brackets would end the alternative text.
        text = f"{chart.title}. {chart.summary}".replace("[", "(").replace("]", ")")
        parts.append(f"![{text}](data:image/svg+xml;base64,{data})")
    return "\n\n".join(parts)
