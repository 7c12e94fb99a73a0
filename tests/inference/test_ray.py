"""`streetseg predict --ray`: byte-equal to the plain command, on a Ray of this machine with two workers."""

import json
import logging
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiny
from exported import SCENES, saved
from networks import tiny_network
from streetseg.deploy.export import export
from streetseg.inference.finished import FinishedImages
from streetseg.inference.inputs import find_images
from streetseg.inference.predictor import Predictor
from streetseg.inference.ray_workers import predict_with_ray

Command = Callable[..., Any]
KINDS = ("ids", "color", "confidence")


@pytest.fixture(scope="module", autouse=True)
def ray() -> Iterator[Any]:
    """Start Ray with two CPUs; the code under test uses the Ray that runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_worker_niceness", "0")  # by default workers give way to everything else on the machine
        patch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[2] / "src")]))
        started = pytest.importorskip("ray")
        started.init(
            num_cpus=2,
            include_dashboard=False,
            object_store_memory=100 * 2**20,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
        yield started
        started.shutdown()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("model"), tiny_network().eval())


@pytest.fixture
def street(tmp_path: Path) -> Path:
    for index in range(6):
        tiny.save(tmp_path / "street" / f"sub{index % 2}" / f"{index}.png", tiny.street(index, (48 + index, 64))[0])
    return tmp_path / "street"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*") if path.is_file()}


def test_the_files_are_those_of_the_plain_command(
    tmp_path: Path, street: Path, model: Path, streetseg: Command
) -> None:
    (street / "sub0" / "torn.png").write_bytes(b"")
    kinds = ("--save", ",".join(KINDS), "--json")
    plain = streetseg("predict", model, street, "--out", tmp_path / "plain", *kinds)
    shared = streetseg("predict", model, street, "--out", tmp_path / "ray", *kinds, "--ray", "local")
    assert (plain.code, shared.code) == (1, 1), shared.err
    assert contents(tmp_path / "ray") == contents(tmp_path / "plain")
    said = [json.loads(ended.out) for ended in (plain, shared)]
    assert said[0]["where"] == said[1]["where"]
    sizes = [{one["input"]: one["size"] for one in found["images"]} for found in said]
    assert sizes[0] == sizes[1]
    assert len(sizes[0]) == 6


def test_a_killed_worker_loses_nothing_and_finished_images_are_not_repeated(
    tmp_path: Path, street: Path, model: Path
) -> None:
    """The workers load an exported file, which needs no torch."""
    file = tmp_path / "model.onnx"
    export(model, file, "onnx", SCENES)
    killed, out = tmp_path / "killed", tmp_path / "out"

    def load() -> Predictor:
        predictor = Predictor.load(file, "cpu")
        scores = predictor.scores

        def dying(image: Any, kinds: Any) -> Any:
            if image.shape[0] == 51 and not killed.exists():
                killed.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return scores(image, kinds)

        predictor.scores = dying  # type: ignore[method-assign]
        return predictor

    files = find_images([str(street)])
    finished = FinishedImages(out, {"model": "tiny"}, "all")
    written: list[Path] = []
    predict_with_ray(
        load, "local", files, out, KINDS, finished=finished, on_written=lambda one: written.append(one["input"])
    )
    assert killed.exists()
    assert sorted(written) == sorted(files)
    predictor = Predictor.load(file, "cpu")
    for path, name in files.items():
        ids = np.array(tiny.Image.open(out / f"{name}_ids.png"))
        assert np.array_equal(ids, predictor.predict(path))

    written.clear()
    next(out.rglob("3_ids.png")).unlink()
    predict_with_ray(
        load, "local", files, out, KINDS, finished=finished, on_written=lambda one: written.append(one["input"])
    )
    assert [path.name for path in written] == ["3.png"]
