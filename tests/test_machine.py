"""Threads follow the CPU quota of a container."""

import math
import os
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import NoReturn

import pytest
import torch

import streetseg
from streetseg import machine as module
from streetseg.machine import cores, cpu_quota, thread_limit
from streetseg.runtime.device import follow_quota

TWO = ("0::/\n", {"cpu.max": "{} 100000\n"})
DEEP = (
    "0::/kubepods/pod1/web\n",
    {"kubepods/pod1/cpu.max": "{} 100000\n", "kubepods/pod1/web/cpu.max": "max 100000\n"},
)
ONE = (
    "12:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/\n",
    {"cpu/cpu.cfs_quota_us": "{}\n", "cpu/cpu.cfs_period_us": "100000\n"},
)
HOST_ONE = (
    "4:cpu,cpuacct:/slice\n",
    {"cpu,cpuacct/slice/cpu.cfs_quota_us": "{}\n", "cpu,cpuacct/slice/cpu.cfs_period_us": "100000\n"},
)


def control_groups(root: Path, layout: tuple[str, dict[str, str]], quota: object) -> Path:
    """Write a file-system root that holds the control groups of a process."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(layout[0])
    for name, text in layout[1].items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(quota))
    return root


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


@pytest.mark.bad_input(60, "threads follow the quota of the container, in control groups of either version")
@pytest.mark.parametrize("layout", [TWO, DEEP, ONE, HOST_ONE], ids=["v2", "v2 deep", "v1", "v1 host"])
@pytest.mark.parametrize(("quota", "threads"), [(50_000, 1), (100_000, 1), (150_000, 2), (400_000, 4), (1_600_000, 8)])
def test_quota(
    layout: tuple[str, dict[str, str]], quota: int, threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROOT", control_groups(tmp_path, layout, quota))
    assert cores() == threads


@pytest.mark.parametrize(("layout", "quota"), [(TWO, "max"), (ONE, -1), (TWO, "of no known form"), (("", {}), 0)])
def test_no_quota(layout: tuple[str, dict[str, str]], quota: object, tmp_path: Path) -> None:
    assert cpu_quota(control_groups(tmp_path, layout, quota)) == math.inf


def test_a_system_without_control_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROOT", tmp_path)
    assert cores() == 8


@pytest.mark.parametrize(
    ("own", "limit"),
    [(None, 3), ("6", 6), ("2,4", 2), ("", 3), ("none", 3)],
    ids=["quota", "OMP_NUM_THREADS", "nested", "empty", "nonsense"],
)
def test_a_person_s_own_number_wins_over_the_quota(
    own: str | None, limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(module, "ROOT", control_groups(tmp_path, TWO, 300_000))
    if own is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", own)
    assert thread_limit() == limit


@pytest.mark.parametrize(("before", "limit", "after"), [(8, 3, 3), (2, 3, 2), (8, None, 8)])
def test_torch_follows(before: int, limit: int | None, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    set_to = [before]
    monkeypatch.setattr("streetseg.runtime.device.thread_limit", lambda: limit)
    monkeypatch.setattr(torch, "get_num_threads", lambda: set_to[-1])
    monkeypatch.setattr(torch, "set_num_threads", set_to.append)
    follow_quota()
    assert set_to[-1] == after


def test_a_checkout_that_is_not_installed_has_reports_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(package: str) -> NoReturn:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(module, "version", missing)
    assert module.program_version() == "not installed"
    assert streetseg.__version__ == "not installed"
