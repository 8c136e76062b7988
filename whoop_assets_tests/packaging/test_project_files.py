"""The project's configuration files are valid and consistent with each other."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from pkgutil import iter_modules

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

import whoop_assets
from whoop_assets_tests.support.wheel import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
MAKEFILE = (ROOT / "Makefile").read_text()
LOCK = (ROOT / "requirements.lock").read_text()
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
TARGETS = set(re.findall(r"^([.\w-]+):(?!=)", MAKEFILE, re.MULTILINE))
REQUIREMENTS = [
    Requirement(line)
    for lines in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for line in lines
]
BIN = Path(sys.executable).parent


def workflow_commands() -> list[str]:
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"]
    return [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("github-workflows", ".github/workflows/ci.yml"),
        ("github-issue-config", ".github/ISSUE_TEMPLATE/config.yml"),
        ("github-issue-forms", ".github/ISSUE_TEMPLATE/bug_report.yml"),
        ("github-issue-forms", ".github/ISSUE_TEMPLATE/feature_request.yml"),
        ("compose-spec", "deploy/compose.yaml"),
        ("compose-spec", "deploy/compose.celery.yaml"),
        ("compose-spec", "deploy/compose.auth.yaml"),
        ("compose-spec", "deploy/compose.simulator.yaml"),
    ],
)
def test_a_configuration_file_is_valid_for_its_schema(schema: str, file: str) -> None:
    check: list[str | Path] = [BIN / "check-jsonschema", "--builtin-schema", f"vendor.{schema}", ROOT / file]
    result = subprocess.run(check, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


# Dependencies


def test_pyproject_has_ranges_instead_of_exact_versions() -> None:
    for requirement in REQUIREMENTS:
        operators = {clause.operator for clause in requirement.specifier}
        assert ">=" in operators, requirement
        assert "==" not in operators, requirement


def test_the_lock_is_within_the_ranges() -> None:
    pins = dict(re.findall(r"^([\w.-]+)==([\w.!+]+)", LOCK, re.MULTILINE))
    for requirement in REQUIREMENTS:
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        assert requirement.specifier.contains(pins[name]), requirement


@pytest.mark.parametrize(
    ("name", "fixed_in"), [("cryptography", "50.0.0"), ("pyarrow", "23.0.1"), ("starlette", "1.3.1")]
)
def test_no_version_with_a_known_advisory_is_allowed(name: str, fixed_in: str) -> None:
    """`fixed_in` is the first release without the advisories known at the release of 0.1.0."""
    ranges = [requirement.specifier for requirement in REQUIREMENTS if requirement.name == name]
    lowest = [Version(clause.version) for clauses in ranges for clause in clauses if clause.operator == ">="]
    assert min(lowest) >= Version(fixed_in)


# Checks


def test_ci_runs_every_supported_python_and_the_oldest_and_newest_versions() -> None:
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"]
    supported = [
        line.rsplit(" ", 1)[1] for line in PROJECT["classifiers"] if re.search(r":: Python :: 3\.\d+$", line)
    ]
    assert jobs["test"]["strategy"]["matrix"]["python"] == supported
    ranges = jobs["dependencies"]["strategy"]["matrix"]["include"]
    assert {f"test-{entry['versions']}" for entry in ranges} == {"test-lowest", "test-newest"} <= TARGETS


def test_every_place_states_the_same_versions_of_python() -> None:
    supported = [
        f"3.{minor}" for minor in range(30) if f"3.{minor}" in SpecifierSet(PROJECT["requires-python"])
    ]
    classifiers = [name.rpartition(" :: ")[2] for name in PROJECT["classifiers"]]
    assert [version for version in classifiers if version.startswith("3.")] == supported
    sentence = f"Python {', '.join(supported[:-1])} or {supported[-1]}"
    places = ("README.md", "CONTRIBUTING.md", "docs/first-steps.md", "Makefile", ".ci/run")
    assert [place for place in places if sentence not in (ROOT / place).read_text()] == []


def test_ci_runs_make_targets_including_those_of_the_local_ci_script() -> None:
    ci_targets = {
        command.removeprefix("make ") for command in workflow_commands() if command.startswith("make ")
    }
    ci_targets.remove('"test-${VERSIONS}"')
    assert ci_targets <= TARGETS
    local_targets = set(re.findall(r"^make (\S+)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE))
    assert local_targets <= ci_targets


def test_hooks_and_make_lint_run_the_same_tools() -> None:
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    hooks = {hook["entry"].split()[0].removeprefix(".venv/bin/") for hook in local["hooks"]}
    (recipe,) = re.findall(r"^lint:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert hooks == set(re.findall(r"\$\(BIN\)/(\S+)", recipe))
    assert all((BIN / hook).exists() for hook in hooks)


@pytest.mark.parametrize(
    ("contract", "exempt"),
    [
        ("Only defs, definitions and cli import Dagster", {"defs", "definitions", "cli"}),
        ("Only whoop_api imports httpx", {"whoop_api"}),
    ],
)
def test_an_import_contract_covers_every_module_but_the_ones_in_its_name(
    contract: str, exempt: set[str]
) -> None:
    (found,) = [
        entry for entry in PYPROJECT["tool"]["importlinter"]["contracts"] if entry["name"] == contract
    ]
    modules = {module.name for module in iter_modules(whoop_assets.__path__)}
    assert found["source_modules"] == [f"whoop_assets.{name}" for name in sorted(modules - exempt)]


def test_the_license_is_the_one_that_the_metadata_names() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_every_link_of_the_readme_works_outside_of_the_repository_too() -> None:
    """A package index shows the file, and has no other file of the repository."""
    text = (ROOT / "README.md").read_text()
    named = dict(re.findall(r"^\[([^\]]+)\]: (\S+)$", text, re.MULTILINE))
    used = {name or words for words, name in re.findall(r"\[([^\]]+)\](?:\[([^\]]+)\])?(?![:(])", text)}
    assert {name.lower() for name in used} == set(named)
    repository = PROJECT["urls"]["Homepage"]
    pictures = repository.replace("https://github.com", "https://raw.githubusercontent.com")
    targets = [*named.values(), *re.findall(r"\]\(([^)]+)\)", text)]
    assert [target for target in targets if not target.startswith("https://")] == []
    own = [
        target.removeprefix(start)
        for target in targets
        for start in (f"{repository}/blob/main/", f"{pictures}/main/")
        if target.startswith(start)
    ]
    assert len(own) >= 20
    assert [path for path in own if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "docs/release.md"])
def test_relative_links_lead_to_existing_files_and_headings(name: str) -> None:
    path = ROOT / name
    links = re.findall(r"\]\((?!https?://)([^)#]*)#?([^)]*)\)", path.read_text())
    assert [link for link, _ in links if not (path.parent / link).exists()] == []
    pointed = [(path.parent / link if link else path, anchor) for link, anchor in links if anchor]
    assert [(page, anchor) for page, anchor in pointed if anchor not in anchors(page)] == []


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_start_page_of_the_documentation_links_every_page() -> None:
    docs = ROOT / "docs"
    linked = set(re.findall(r"\]\(([^)]+\.md)\)", (docs / "index.md").read_text()))
    assert {page.name for page in docs.glob("*.md")} - linked == {"index.md"}
