"""Workflow, hooks, forms and citation: they parse, name existing targets, and agree with pyproject.toml."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from lowest_versions import lowest_versions
from release_notes import release_notes

from pages import make_targets

ROOT = Path(__file__).parents[1]
PYPROJECT = ROOT / "pyproject.toml"
PROJECT = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
CI = ROOT / ".github" / "workflows" / "ci.yml"
RELEASE = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8"))
TEMPLATES = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def jobs() -> dict[str, Any]:
    return yaml.safe_load(CI.read_text(encoding="utf-8"))["jobs"]


def scripts(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def test_the_gate_is_one_call_of_make_test_on_every_system_and_python() -> None:
    gate = jobs()["gate"]
    matrix = gate["strategy"]["matrix"]

    assert scripts(gate) == ["make test PYTHON=python"]
    assert {name.partition("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}
    assert matrix["python"] == ["3.11", "3.12", "3.13", "3.14"]
    assert PROJECT["requires-python"] == f">={matrix['python'][0]}"
    versions = [name.rpartition(" ")[2] for name in PROJECT["classifiers"] if "Python :: 3." in name]
    assert versions == matrix["python"]
    assert gate["runs-on"] == "${{ matrix.os }}"


def test_every_job_is_whole() -> None:
    workflow = yaml.safe_load(CI.read_text(encoding="utf-8"))

    assert set(workflow[True]) == {"push", "pull_request"}  # YAML 1.1 reads `on` as true
    assert workflow["defaults"]["run"]["shell"] == "bash"  # on Windows, too
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert {"name", "runs-on", "steps"} <= set(job)
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step)
            assert "uses" not in step or re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"])
        for target in re.findall(r"\bmake ([a-z]+)", " ".join(scripts(job))):
            assert target in make_targets()
        known = {"matrix.os", "matrix.python"} if "strategy" in job else set()
        assert set(re.findall(r"\bmatrix\.\w+", str(job))) <= known
    assert "://" not in CI.read_text(encoding="utf-8")


def test_one_job_waits_for_all_the_others() -> None:
    passed = jobs()["passed"]

    assert set(passed["needs"]) == set(jobs()) - {"passed"}
    assert passed["if"] == "always()"
    assert "success success success" in scripts(passed)[0]


def test_a_release_is_built_once_tried_everywhere_and_published_without_a_token() -> None:
    build, wheel, publish, release = (RELEASE["jobs"][name] for name in ("build", "wheel", "publish", "release"))

    assert RELEASE[True] == {"push": {"tags": ["v*"]}}
    assert RELEASE["permissions"] == {"contents": "read"}
    assert scripts(build) == ['python tools/release_notes.py "$GITHUB_REF_NAME" > notes.md', "make dist PYTHON=python"]
    assert [wheel["needs"], publish["needs"], release["needs"]] == ["build", "wheel", "publish"]
    assert scripts(wheel) == ["python tools/try_wheel.py dist/streetseg-*.whl"]
    assert wheel["strategy"]["matrix"]["os"] == jobs()["wheel"]["strategy"]["matrix"]["os"]
    assert publish["environment"] == "pypi"
    assert publish["permissions"] == {"id-token": "write"}
    assert scripts(publish) == []  # a job with this right runs no code of ours
    assert publish["steps"][-1]["uses"].startswith("pypa/gh-action-pypi-publish@")
    assert release["permissions"] == {"contents": "write"}
    uses = [step["uses"] for job in RELEASE["jobs"].values() for step in job["steps"] if "uses" in step]
    assert [use for use in uses if not re.fullmatch(r"(actions|pypa)/[a-z-]+@(release/)?v\d+", use)] == []


def test_the_notes_of_a_release_are_its_part_of_the_changelog() -> None:
    pyproject = PYPROJECT.read_text(encoding="utf-8")
    version = PROJECT["version"]
    changelog = (
        f"## [Unreleased]\n\n- soon\n\n## [{version}] - 2026-12-01\n\n- [how](docs/a.md)\n\n## [0.0.1] - 2026-01-01\n"
    )
    files = f"{PROJECT['urls']['Homepage']}/blob/v{version}"

    assert release_notes(f"v{version}", pyproject, changelog) == f"- [how]({files}/docs/a.md)"
    with pytest.raises(ValueError, match=f"the tag is v9, the version in pyproject.toml is {version}"):
        release_notes("v9", pyproject, changelog)
    with pytest.raises(ValueError, match="needs the heading"):
        release_notes(f"v{version}", pyproject, "## [Unreleased]\n\n- soon\n")


def test_the_lowest_versions_are_those_of_pyproject() -> None:
    lines = lowest_versions(PYPROJECT.read_text(encoding="utf-8"))

    bounds = dict(line.partition(";")[0].split("==") for line in lines)
    assert bounds["numpy"] == "1.26"
    assert bounds["torch"] == "2.10"
    extras = PROJECT["optional-dependencies"]
    assert len(lines) == len(PROJECT["dependencies"]) + sum(len(extras[name]) for name in extras if name != "dev")
    assert {"python tools/lowest_versions.py > lowest.txt"} <= set(scripts(jobs()["lowest"]))
    with pytest.raises(ValueError, match="found numpy~=1"):
        lowest_versions('[project]\ndependencies = ["numpy~=1"]\n[project.optional-dependencies]\n')


def test_the_hooks_before_a_commit_are_targets_of_make() -> None:
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]

    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].removeprefix("make ") in make_targets()


def test_the_citation_agrees_with_pyproject() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))

    assert citation["cff-version"] == "1.2.0"
    assert citation["title"] == PROJECT["name"]
    assert str(citation["version"]) == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert citation["keywords"] == PROJECT["keywords"]
    assert citation["repository-code"] == PROJECT["urls"]["Homepage"]
    assert {"message", "type", "authors"} <= set(citation)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_an_issue_template_is_a_form(path: Path) -> None:
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    if path.name == "config.yml":
        assert all({"name", "url", "about"} == set(link) for link in form["contact_links"])
        return
    assert {"name", "description", "body"} <= set(form)
    ids = [field["id"] for field in form["body"]]
    assert len(set(ids)) == len(ids)
    assert all(field["type"] in ("input", "textarea") and field["attributes"]["label"] for field in form["body"])


def test_the_changelog_has_the_form_of_keep_a_changelog() -> None:
    lines = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()

    releases = [line for line in lines if line.startswith("## ")]
    assert releases[0] == "## [Unreleased]"
    assert all(re.fullmatch(r"## \[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", line) for line in releases[1:])
    kinds = {line.removeprefix("### ") for line in lines if line.startswith("### ")}
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
