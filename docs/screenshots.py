"""Takes the screenshots of the documentation from the demo: `python -m docs.screenshots`, with Chromium on
the path.

Runs the demo in a temporary folder, so it takes some minutes. The images differ from run to run, because
the demo ends today.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from whoop_assets.cli.processes.ports import free_port
from whoop_assets_tests.support.servers.browser import Browser, BrowserPage, running_browser

IMAGES = Path(__file__).parent / "images"
MAX_START_SECONDS = 300.0
MAX_RENDER_SECONDS = 60.0
COMMAND = [sys.executable, "-m", "whoop_assets.cli"]


def take(page: BrowserPage, name: str) -> None:
    """Store a screenshot of the visible part of the page."""
    (IMAGES / name).write_bytes(page.screenshot(whole=False))


def take_ui(browser: Browser, url: str, name: str, width: int, height: int, text: str) -> None:
    """Store a screenshot of a page of Dagster's UI, `width` by `height` pixels, when it shows the text."""
    page = browser.open(url, width=width, height=height)
    end = time.monotonic() + MAX_RENDER_SECONDS
    while text not in page.evaluate("document.body.innerText") and time.monotonic() < end:
        time.sleep(0.5)
    time.sleep(3)  # the graph moves into its place
    take(page, name)


def take_member_pages(browser: Browser, link: str, pages: str) -> None:
    """Store screenshots of a member's page and the team, signed in with a one-time link."""
    page = browser.open(link, width=1100, height=1000)
    page.click("form button")
    take(page, "member-page.png")
    page.visit(f"{pages}/team")
    take(page, "team.png")


def await_answer(url: str) -> None:
    """Return when the address answers."""
    end = time.monotonic() + MAX_START_SECONDS
    while time.monotonic() < end:
        with suppress(HTTPError, URLError, ConnectionError), urlopen(url):
            return
        time.sleep(0.5)
    raise SystemExit(f"Nothing answered at {url} within {MAX_START_SECONDS:.0f} seconds.")


def main() -> None:
    """Run the demo and take all screenshots."""
    port, service_port = free_port(), free_port()
    ui, pages = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{service_port}"
    with tempfile.TemporaryDirectory() as folder, running_browser() as browser:
        environment = {**os.environ, "WHOOP_CHARTED_MEMBERS": "2"}
        demo = subprocess.run(
            [*COMMAND, "demo"], cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True
        )
        report = max(Path(folder, "data", "demo", "reports").glob("*.html"))
        take(browser.open(report.as_uri(), width=1000, height=1150), "report.png")
        secret = re.findall(r"/sign-in/(\S+)", demo.stdout)[0]
        ports = ["--port", str(port), "--service-port", str(service_port)]
        dev = subprocess.Popen([*COMMAND, "--demo", "dev", *ports], cwd=folder, env=environment)
        try:
            await_answer(f"{pages}/healthz")
            take_member_pages(browser, f"{pages}/sign-in/{secret}", pages)
            await_answer(f"{ui}/server_info")
            group = f"{ui}/locations/whoop_assets/asset-groups/whoop/lineage"
            take_ui(browser, group, "asset-graph.png", 1500, 700, "daily_summary")
            partition = f"view=partitions&partition={time.strftime('%Y-%m-%d')}"
            take_ui(
                browser,
                f"{ui}/assets/whoop/daily_summary?{partition}",
                "partition.png",
                1300,
                1000,
                "Materialized",
            )
            take_ui(browser, f"{ui}/assets/whoop/cycles?view=overview", "catalog.png", 1400, 1300, "Columns")
            lineage = f"{ui}/assets/whoop/cycles?view=lineage"
            take_ui(browser, lineage, "lineage.png", 1400, 700, "cycles")
        finally:
            dev.terminate()
            dev.wait()


if __name__ == "__main__":
    main()
