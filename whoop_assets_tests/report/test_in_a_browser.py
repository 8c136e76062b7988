"""The report in a real browser: network, console, charts, contrast, accessibility and print."""

from itertools import pairwise

import pytest

from whoop_assets.report.page import page
from whoop_assets_tests.report.rows import full, report_of, year_with_gaps
from whoop_assets_tests.support.servers.browser import running_browser

pytestmark = pytest.mark.slow

CONTRAST = """
(() => {
  const channels = text => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const light = rgb => rgb.slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
  const behind = element => {
    for (let one = element; one; one = one.parentElement) {
      const color = channels(getComputedStyle(one).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const element of document.body.querySelectorAll('*')) {
    const words = [...element.childNodes].filter(n => n.nodeType === 3 && n.data.trim());
    if (!words.length || element.closest('svg') || !element.getClientRects().length) continue;
    const front = light(channels(getComputedStyle(element).color)), back = light(behind(element));
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    const text = words[0].data.trim().slice(0, 20);
    if (ratio < 4.5) poor.push(`${element.className || element.tagName}: ${ratio.toFixed(2)}: ${text}`);
  }
  return poor;
})()"""

UNDRAWN = """
[...document.querySelectorAll('figure .view')].filter(view => view.getClientRects().length)
  .flatMap(view => [...view.querySelectorAll('svg')])
  .filter(svg => { const box = svg.getBoundingClientRect();
    const drawn = [...svg.querySelectorAll('path')].some(path => path.getTotalLength() > 0);
    return box.width < 100 || box.height < 80 || !drawn; })
  .map(svg => svg.querySelector('title').textContent)"""

SHOWN_CHARTS = (
    "[...document.querySelectorAll('figure .view')].filter(view => view.getClientRects().length).length"
)


@pytest.fixture(scope="module")
def browser():
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def year(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "year.html"
    path.write_text(page(report_of(year_with_gaps())))
    return path.as_uri()


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_draws_all_charts_without_requests_or_console_messages(browser, year, width, dark):
    shown = browser.open(year, width=width, dark=dark)
    assert shown.evaluate(SHOWN_CHARTS) == 5
    assert shown.evaluate(UNDRAWN) == []
    assert shown.console_messages() == []
    assert shown.requests() == [year]
    # Only the boxes of the tables scroll sideways.
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    assert shown.evaluate(CONTRAST) == []


def test_the_reader_can_choose_another_period_without_a_script(browser, year):
    shown = browser.open(year)
    assert shown.evaluate("document.querySelector('.r365').getClientRects().length") == 0
    shown.evaluate("document.getElementById('r365').click()")
    assert shown.evaluate("document.querySelector('.r365').getClientRects().length") == 1
    assert shown.evaluate(SHOWN_CHARTS) == 5
    assert shown.evaluate(UNDRAWN) == []


def test_screen_readers_get_image_names_heading_levels_and_table_headers(browser, year):
    shown = browser.open(year)
    tree = shown.accessibility_tree()
    pictures = [node["name"] for node in tree if node["role"] in ("image", "img", "graphics-document")]
    assert len(pictures) == 5
    assert all(len(name) > 20 for name in pictures)  # the title, and what the chart shows
    levels = shown.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(h => Number(h.tagName[1]))")
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert shown.evaluate("document.documentElement.lang") == "en"
    assert shown.evaluate(
        "[...document.querySelectorAll('table')].every(t => t.caption"
        " && [...t.tHead.rows[0].cells].every(c => c.scope === 'col')"
        " && [...t.tBodies[0].rows].every(r => r.cells[0].scope === 'row'))"
    )
    # Boxes that scroll can be reached by keyboard and have a name.
    assert shown.evaluate(
        "[...document.querySelectorAll('.scroll')]"
        ".every(s => s.tabIndex === 0 && s.getAttribute('aria-labelledby'))"
    )


def test_the_page_prints_on_a_few_pages(browser, year):
    printed = browser.open(year).pdf()
    assert printed.startswith(b"%PDF")
    assert (
        2
        <= printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") + printed.count(b"/Type /Page/")
        <= 12
    )


@pytest.mark.parametrize("rows", [[], [full(report_of([]).today)]], ids=["no day", "one day"])
def test_a_member_with_no_day_or_one_day_has_a_page(browser, tmp_path, rows):
    path = tmp_path / "new.html"
    path.write_text(page(report_of(rows, trends=False)))
    shown = browser.open(path.as_uri(), width=360)
    assert shown.console_messages() == []
    assert shown.evaluate("document.documentElement.scrollWidth") <= 360
