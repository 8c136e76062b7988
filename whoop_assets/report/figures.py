"""A chart inside the report: an SVG that fills the width it has, with its words beside it as text of the page."""

from html import escape

from whoop_assets.report.svg import Chart, Tick


def figure(views: list[tuple[str, Chart]]) -> str:
    """One chart in several ranges (name of the range, chart), of which the page shows the chosen one."""
    _, any_view = views[0]
    shown = "".join(_view(name, chart) for name, chart in views)
    legend = "".join(
        f'<li><svg class="sample" viewBox="0 0 10 10" aria-hidden="true"><path class="{kind}" d="{_sample(kind)}"/></svg>'
        f"{escape(label)}</li>"
        for kind, label in any_view.legend
    )
    return (
        f'<figure class="chart"><figcaption><h3>{escape(any_view.title)}</h3>'
        f'<p class="unit">{escape(any_view.unit)}</p></figcaption>{shown}'
        f'<ul class="legend" aria-hidden="true">{legend}</ul></figure>'
    )


def _view(name: str, chart: Chart) -> str:
    key = f"{chart.key}-{name}"
    y = "".join(f'<span style="bottom:{100 * tick.at:.1f}%">{escape(tick.label)}</span>' for tick in chart.y)
    x = "".join(_date(tick) for tick in chart.x)
    return (
        f'<div class="view {name}"><div class="plot"><div class="y" aria-hidden="true">{y}</div>'
        f'<svg role="img" aria-labelledby="{key}-t {key}-d" viewBox="0 0 {chart.width:g} 100" '
        f'preserveAspectRatio="none"><title id="{key}-t">{escape(chart.title)}</title>'
        f'<desc id="{key}-d">{escape(chart.summary)}</desc>{chart.painted()}{chart.pointed()}</svg>'
        f'<div class="x" aria-hidden="true">{x}</div></div>'
        f'<p class="said" aria-hidden="true">{escape(chart.summary)}</p></div>'
    )


def _date(tick: Tick) -> str:
    kind = " ".join(
        name
        for name, holds in (("minor", tick.minor), ("first", tick.at < 0.04), ("last", tick.at > 0.96))
        if holds
    )
    return f'<span class="{kind}" style="left:{100 * tick.at:.1f}%">{escape(tick.label)}</span>'


def _sample(kind: str) -> str:
    if kind.startswith(("dot", "newest")):
        return "M5 5h.001"
    return "M0 0h10v10h-10z" if kind.startswith(("bar", "area", "zone")) else "M0 5h10"
