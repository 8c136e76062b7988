"""The templates and the style sheet are part of the installed package."""

import tomllib
import zipfile
from importlib.resources import files
from pathlib import Path

import pytest
from jinja2 import UndefinedError

import whoop_assets.report
from whoop_assets.report.rendering import stylesheet, template_environment
from whoop_assets_tests.support.wheel import ROOT, build_wheel

TEMPLATES = Path(whoop_assets.report.__file__).with_name("templates")


def test_package_data_includes_every_template():
    with (ROOT / "pyproject.toml").open("rb") as file:
        patterns = tomllib.load(file)["tool"]["setuptools"]["package-data"]["whoop_assets.report"]
    included = {path for pattern in patterns for path in TEMPLATES.parent.glob(pattern)}
    assert set(TEMPLATES.iterdir()) <= included


def test_the_package_provides_templates_and_style_sheet():
    names = {path.name for path in files("whoop_assets.report").joinpath("templates").iterdir()}
    assert names == set(template_environment().list_templates())
    assert ".card" in stylesheet()


@pytest.mark.slow
def test_the_wheel_contains_templates_and_style_sheet(tmp_path):
    with zipfile.ZipFile(build_wheel(tmp_path)) as wheel:
        names = set(wheel.namelist())
    assert {f"whoop_assets/report/templates/{path.name}" for path in TEMPLATES.iterdir()} <= names


def test_templates_escape_values_and_reject_undefined_names():
    environment = template_environment()
    assert environment.from_string("{{ text }}").render(text="<b>&") == "&lt;b&gt;&amp;"
    with pytest.raises(UndefinedError):
        environment.from_string("{{ text }}").render()
