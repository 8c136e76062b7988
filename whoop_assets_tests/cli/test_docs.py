"""The docs list all commands, options and environment variables."""

import re
from pathlib import Path

import click
import pytest

from whoop_assets.cli import main
from whoop_assets.settings import Settings
from whoop_assets_tests.support.setting_variables import SETTING_VARIABLES
from whoop_simulator.cli import main as simulator

DOCS = Path(__file__).parents[2] / "docs"


def commands_of(group: click.Group, before: str = "") -> dict[str, click.Command]:
    """Returns the commands of a group and of its subgroups, by full name."""
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        full = f"{before}{name}"
        if isinstance(command, click.Group):
            found |= commands_of(command, f"{full} ")
        if not isinstance(command, click.Group) or command.invoke_without_command:
            found[full] = command
    return found


COMMANDS = commands_of(main)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented_with_its_options(name: str) -> None:
    chapters = dict(
        re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", (DOCS / "command-line.md").read_text(), re.M | re.S)
    )
    assert f"whoop-assets {name}" in chapters[name]
    for parameter in COMMANDS[name].params:
        assert any(option in chapters[name] for option in parameter.opts if option.startswith("--")) or (
            isinstance(parameter, click.Argument)
            and parameter.make_metavar(click.Context(main)) in chapters[name]
        )


@pytest.mark.parametrize(
    "command", [*COMMANDS.values(), *commands_of(simulator).values()], ids=lambda command: command.name
)
def test_help_texts_are_sentences(command: click.Command) -> None:
    options = [option for option in command.params if isinstance(option, click.Option)]
    for text in (command.help, *(option.help for option in options)):
        assert text
        assert re.fullmatch(r"[A-Z`].*\.", text.strip(), re.DOTALL)


def test_all_documented_commands_exist() -> None:
    assert set(re.findall(r"^## (.+)$", (DOCS / "command-line.md").read_text(), re.M)) == set(COMMANDS)


def test_every_environment_variable_is_documented_with_its_default() -> None:
    rows = dict(
        re.findall(
            r"^\| `((?:WHOOP|NOTION)_[A-Z_]+)` \| (.*?) \|", (DOCS / "configuration.md").read_text(), re.M
        )
    )
    assert set(rows) == SETTING_VARIABLES
    defaults = Settings.from_environment({})
    for name, value in {
        "WHOOP_REDIRECT_URI": defaults.redirect_uri,
        "WHOOP_API_URL": defaults.api_url,
        "WHOOP_OAUTH_URL": defaults.oauth_url,
        "WHOOP_NOTION_URL": defaults.notion_url,
        "WHOOP_START_DATE": defaults.start_date,
        "WHOOP_TIMEZONE": defaults.timezone,
        "WHOOP_REQUESTS_PER_MINUTE": defaults.requests_per_minute,
        "WHOOP_REQUESTS_PER_DAY": defaults.requests_per_day,
        "WHOOP_WEBHOOK_MAX_AGE": defaults.webhook_max_age,
        "WHOOP_OPEN_EVENT_MINUTES": defaults.open_event_minutes,
    }.items():
        assert rows[name] == f"`{value}`"
