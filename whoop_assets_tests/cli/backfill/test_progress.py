"""The progress of a backfill."""

from io import StringIO

from rich.console import Console

from whoop_assets.cli.backfill.progress import Bars, Lines

CAUSE = "WHOOP does not answer ([Errno 111] Connection refused): run the same command again later."


def test_lines_keep_a_cause_unchanged_and_report_no_failed_asset_as_done() -> None:
    output = StringIO()
    with Lines(Console(file=output, width=40), 1) as lines:
        lines.planned(1)
        lines.began("cycles")
        lines.failed("cycles", CAUSE)
        lines.began("profile")
        lines.materialized("profile", 1)
    assert output.getvalue().splitlines() == [
        "planning 1 day ...",
        "cycles ...",
        f"cycles: {CAUSE}",
        "profile ...",
        "profile: 1 day done",
    ]


def test_bars_keep_a_cause_unchanged() -> None:
    output = StringIO()
    with Bars(Console(file=output, width=40), 2) as bars:
        bars.began("cycles")
        bars.failed("cycles", CAUSE)
    assert f"cycles: {CAUSE}\n" in output.getvalue()
