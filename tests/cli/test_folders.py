from datetime import date
from pathlib import Path

import pytest

from streetseg.cli.common import resumable
from streetseg.errors import RequestError, StreetsegError, TrainingError
from streetseg.request import dated_folder


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


def test_a_stop_half_way_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["/bin/streetseg", "train", "camvid:my data", "--epochs", "3", "--resume"])
    folder = Path("run")
    folder.mkdir()
    (folder / "recipe.yaml").touch()

    with pytest.raises(KeyboardInterrupt), resumable(folder):
        raise KeyboardInterrupt

    assert capsys.readouterr().err == "stopped; to go on: streetseg train 'camvid:my data' --epochs 3 --resume\n"


def test_a_refusal_says_nothing_of_going_on(capsys: pytest.CaptureFixture[str]) -> None:
    Path("used").mkdir()
    Path("used", "mine.txt").touch()

    for folder, stop in ((Path("used"), RequestError("in use")), (Path("new"), TrainingError("too early"))):
        with pytest.raises(StreetsegError), resumable(folder):
            raise stop

    assert capsys.readouterr().err == ""
