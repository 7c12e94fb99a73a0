"""environment.json: machine, versions and device of a run."""

import json
import os
from importlib.metadata import version

from streetseg.runtime.environment import describe_environment


def test_versions_and_machine() -> None:
    environment = json.loads(json.dumps(describe_environment()))

    assert environment["versions"]["torch"] == version("torch")
    assert environment["versions"]["streetseg"] == version("streetseg")
    assert environment["machine"]["cores"] == os.cpu_count()
    assert environment["machine"]["memory_gb"] > 0
    assert environment["machine"]["cpu"]
    assert environment["command"]


def test_the_git_state_is_the_program_s_own_or_none() -> None:
    git = describe_environment()["git"]

    assert git is None or (len(git["commit"]) == 40 and isinstance(git["changed"], bool))
