from datetime import date
from pathlib import Path

import pytest

from streetseg.cli.folders import dated_folder


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_new_run_is_named_by_today() -> None:
    assert dated_folder("runs", "hf-hub:timm/x_seed0", resume=False) == Path(f"runs/{date.today()}_hf-hub-timm-x_seed0")


def test_resuming_takes_the_newest_of_that_name() -> None:
    for name in ("2026-01-02_a_seed0", "2026-03-01_a_seed0", "2026-04-01_a_seed1", "2026-04-01_aa_seed0"):
        Path("runs", name).mkdir(parents=True)

    assert dated_folder("runs", "a_seed0", resume=True) == Path("runs/2026-03-01_a_seed0")
    assert dated_folder("runs", "b_seed0", resume=True) == Path(f"runs/{date.today()}_b_seed0")
