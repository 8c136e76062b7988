"""`notion`: create the data source, print its status, and create pages again for days that lost them."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result

from whoop_assets.cli import main
from whoop_assets.db.database import Database
from whoop_assets.settings import Settings
from whoop_assets.sinks.notion.sync import sync
from whoop_assets_tests.cli.conftest import error_of
from whoop_assets_tests.support.fake_notion.server import serve_notion
from whoop_assets_tests.support.fake_notion.summaries import DAY, MEMBER, store_summaries, summary_row
from whoop_assets_tests.support.fake_notion.workspace import TOKEN, FakeNotion
from whoop_assets_tests.support.manual_clock import ManualClock


@pytest.fixture
def notion(monkeypatch: pytest.MonkeyPatch, sqlite_url: str) -> Iterator[FakeNotion]:
    """A fake Notion with a configured token, without a data source."""
    with serve_notion(FakeNotion(per_second=None)) as served:
        monkeypatch.setenv("NOTION_TOKEN", TOKEN)
        monkeypatch.setenv("WHOOP_NOTION_URL", served.url)
        monkeypatch.setenv("WHOOP_DATABASE_URL", sqlite_url)
        yield served


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["notion", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def page_url(notion: FakeNotion) -> str:
    (page,) = notion.shared_pages
    return f"https://www.notion.so/me/Health-{page.replace('-', '')}?pvs=4"


def test_init_creates_a_data_source_for_pages_and_renew_replaces_trashed_ones(
    notion: FakeNotion, monkeypatch: pytest.MonkeyPatch, sqlite_url: str, clock: ManualClock
) -> None:
    created = run("init", "--parent", page_url(notion), "--title", "Body")
    assert created.exit_code == 0, created.output
    name, _, source = created.stdout.strip().partition("=")
    assert (name, source) == ("WHOOP_NOTION_DATA_SOURCE", *notion.sources)
    schema = notion.sources[source]["properties"]
    assert {name: column["type"] for name, column in schema.items()} == {
        "Day": "title",
        "Date": "date",
        "Member": "number",
        "Recovery (%)": "number",
        "Sleep time (ms)": "number",
        "Sleep efficiency (%)": "number",
    }
    monkeypatch.setenv(name, source)
    assert "set already" in error_of(run("init", "--parent", page_url(notion)))
    assert len(notion.sources) == 1

    clock.advance(timedelta(days=1))
    database = Database(sqlite_url, clock)
    store_summaries(database, summary_row(MEMBER, DAY), summary_row(MEMBER, DAY - timedelta(days=1)))
    assert "0 pages, 2 days behind" in run("status").stdout
    sync(Settings.from_environment(), database, [MEMBER], DAY - timedelta(days=1), DAY)
    assert "2 pages, 0 days behind" in run("status").stdout

    (page,) = notion.pages_by_day(source)[MEMBER, DAY.isoformat()]
    notion.move_to_trash(page)
    store_summaries(database, summary_row(MEMBER, DAY, recovery_score=12.0))
    sync(Settings.from_environment(), database, [MEMBER], DAY, DAY)
    assert f"Member {MEMBER}, {DAY}: the page is in the bin." in run("status").stdout
    assert "None of these pages" in run("renew", "--to", "2026-11-01").stdout
    assert f"Member {MEMBER}, {DAY}" in run("renew", "--member", str(MEMBER)).stdout
    sync(Settings.from_environment(), database, [MEMBER], DAY, DAY)
    assert len(notion.pages_by_day(source)) == 2

    notion.fault("500", "PATCH", times=100)
    store_summaries(database, summary_row(MEMBER, DAY, recovery_score=13.0))
    sync(Settings.from_environment(), database, [MEMBER], DAY, DAY)
    status = run("status")
    assert status.exit_code == 1
    assert "The last attempt came to nothing" in status.stderr
    database.close()


def test_init_rejects_a_page_that_is_not_shared(notion: FakeNotion) -> None:
    said = error_of(run("init", "--parent", "0123456789abcdef0123456789abcdef"))
    assert "share the page" in said


def test_init_rejects_an_invalid_url_before_any_request(notion: FakeNotion) -> None:
    assert "--parent" in error_of(run("init", "--parent", "my page"))
    assert notion.requests == []


def test_init_does_not_repeat_a_request_with_an_unknown_outcome(notion: FakeNotion) -> None:
    notion.fault("silence", "POST /v1/databases", after=True)
    assert "Look at the page" in error_of(run("init", "--parent", page_url(notion)))
    assert len(notion.databases) == 1


def test_commands_name_the_missing_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "NOTION_TOKEN" in error_of(run("init", "--parent", "0123456789abcdef0123456789abcdef"))
    monkeypatch.setenv("NOTION_TOKEN", TOKEN)
    for command in ("status", "renew"):
        assert "WHOOP_NOTION_DATA_SOURCE" in error_of(run(command))


WITHOUT_NOTION_CLIENT = (
    "import sys; sys.modules['notion_client'] = None; from whoop_assets.cli import main; main(sys.argv[1:])"
)


@pytest.mark.slow
def test_without_the_notion_extra_its_name_is_in_the_error(notion: FakeNotion) -> None:
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_NOTION_CLIENT, "notion", "init", "--parent", page_url(notion)],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert "whoop-assets[notion]" in result.stderr
    assert "Traceback" not in result.stderr
