"""Takes the screenshots of the documentation from the demo: `python docs/screenshots.py`, with Chromium on
the path.

Runs the demo in a temporary folder, so it takes about two minutes. The images differ from run to run, because
the demo ends today.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from whoop_assets.cli.processes.ports import free_port

IMAGES = Path(__file__).parent / "images"
MAX_START_SECONDS = 120.0
COMMAND = [sys.executable, "-m", "whoop_assets.cli"]


def take(url: str, name: str, width: int, height: int) -> None:
    """Store a screenshot of the page, `width` by `height` pixels."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("No Chromium was found on the path: install it and run this script again.")
    options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--virtual-time-budget=20000"]
    target = [f"--window-size={width},{height}", f"--screenshot={IMAGES / name}", url]
    subprocess.run([browser, *options, *target], check=True, capture_output=True)


def await_ui(url: str) -> None:
    """Return when the Dagster UI answers."""
    end = time.monotonic() + MAX_START_SECONDS
    while time.monotonic() < end:
        with suppress(URLError, ConnectionError), urlopen(f"{url}/server_info"):
            return
        time.sleep(0.5)
    raise SystemExit(f"The Dagster UI did not answer at {url} within {MAX_START_SECONDS:.0f} seconds.")


def main() -> None:
    """Run the demo and take all screenshots."""
    port, service_port = free_port(), free_port()
    ui = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "WHOOP_CHARTED_MEMBERS": "2"}
        subprocess.run([*COMMAND, "demo"], cwd=folder, env=environment, check=True)
        report = max(Path(folder, "data", "demo", "reports").glob("*.html"))
        take(report.as_uri(), "report.png", 1000, 1150)
        ports = ["--port", str(port), "--service-port", str(service_port)]
        dev = subprocess.Popen([*COMMAND, "--demo", "dev", *ports], cwd=folder, env=environment)
        try:
            await_ui(ui)
            group = f"{ui}/locations/whoop_assets/asset-groups/whoop/lineage"
            take(group, "asset-graph.png", 1500, 700)
            today = time.strftime("%Y-%m-%d")
            page = f"{ui}/assets/whoop/daily_summary?view=partitions&partition={today}"
            take(page, "partition.png", 1300, 1000)
        finally:
            dev.terminate()
            dev.wait()


if __name__ == "__main__":
    main()
