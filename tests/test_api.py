"""The Python API as a notebook uses it, with tiny data and a tiny network."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional as F

import streetseg
from published import journal_of
from streetseg.errors import DataError, RequestError
from streetseg.training import fit
from tiny import RUN, STREET_11, camvid_segnet, save, street

SIZE = (64, 96)
USUAL = {"encoder": "test_efficientnet", "weights": "none", "quiet": True, "recipe": RUN}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"camvid:{camvid_segnet(tmp_path_factory.mktemp('camvid'), 4, 2, size=SIZE)}"


@pytest.fixture(scope="module")
def run(data: str, tmp_path_factory: pytest.TempPathFactory) -> streetseg.Run:
    return streetseg.train(data, epochs=1, out=tmp_path_factory.mktemp("runs") / "run", **USUAL)


class Listener:
    """A callback that records its calls."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, object]] = []
        self.values: list[dict[str, float]] = []

    def start(self, run: str, folder: Path, recipe: dict[str, object]) -> None:
        self.heard.append(("start", recipe["optim.lr"]))

    def scalars(self, step: int, values: dict[str, float]) -> None:
        self.heard.append(("scalars", step))
        self.values.append(values)

    def image(self, step: int, name: str, rgb: NDArray[np.uint8]) -> None:
        self.heard.append(("image", (rgb.dtype, rgb.shape)))

    def finish(self, outcome: str, summary: dict[str, float]) -> None:
        self.heard.append(("finish", (outcome, summary["epoch"])))


class Failing:
    def scalars(self, step: int, values: dict[str, float]) -> None:
        raise OSError("the tracker is away")


class Impatient:
    def scalars(self, step: int, values: dict[str, float]) -> None:
        if "epoch" in values:
            raise streetseg.StopTraining("enough")


class Streets:
    """A data source of a user's own."""

    classes = STREET_11.names

    def __init__(self, ids: Sequence[int] = range(6)) -> None:
        self.splits = {"train": [street(i, SIZE) for i in ids[:4]], "val": [street(i, SIZE) for i in ids[4:]]}


def test_a_folder_of_20_images_in_3_lines(run: streetseg.Run, tmp_path: Path) -> None:
    for i in range(20):
        save(tmp_path / "street" / f"image_{i:02}.png", street(i, SIZE)[0])

    model = streetseg.load(run.folder)
    predictions = model.predict(tmp_path / "street")
    shares = predictions.shares

    assert shares.shape == (20, 11)
    assert list(shares.columns) == list(STREET_11.names)
    assert list(shares.index) == [f"image_{i:02}" for i in range(20)]
    np.testing.assert_allclose(shares.sum(axis=1), 1)


def test_one_image_however_it_is_given(run: streetseg.Run, tmp_path: Path) -> None:
    image = street(3, SIZE)[0]
    save(tmp_path / "a.png", image)
    model = run.model

    ways = [tmp_path / "a.png", str(tmp_path / "a.png"), image, Image.fromarray(image)]
    first, *others = [model.predict(way) for way in ways]

    for other in others:
        np.testing.assert_array_equal(first.labels, other.labels)
    probabilities = first.probabilities()
    np.testing.assert_array_equal(probabilities.argmax(axis=0), first.labels)
    np.testing.assert_allclose(probabilities.max(axis=0), first.confidence, atol=1e-5)
    assert first.legend["sky"] == STREET_11.colors[0]
    assert first._repr_png_().startswith(b"\x89PNG")
    assert first.overlay().size == (SIZE[1], SIZE[0])
    assert {path.name for path in first.save(tmp_path / "out").values()} == {
        "a_ids.png",
        "a_color.png",
        "a_overlay.png",
    }
    assert len(list(model.predict([image, image]))) == len(list(model.predict(str(tmp_path / "*.png")))) + 1


def test_the_command_and_the_api_write_the_same(run: streetseg.Run, tmp_path: Path, streetseg) -> None:
    save(tmp_path / "a.png", street(3, SIZE)[0])
    done = streetseg("predict", run.folder, tmp_path / "a.png", "--overlay", "--out", tmp_path / "command")
    assert done.code == 0, done.err

    run.model.predict(tmp_path / "a.png").save(tmp_path / "api")

    for kind in ("ids", "color", "overlay"):
        name = f"a_{kind}.png"
        assert (tmp_path / "command" / name).read_bytes() == (tmp_path / "api" / name).read_bytes()


def test_every_kind_of_result_from_python(run: streetseg.Run, tmp_path: Path) -> None:
    save(tmp_path / "images" / "a.png", street(3, SIZE)[0])
    save(tmp_path / "images" / "b.png", street(4, SIZE)[0])
    prediction = run.model.predict(tmp_path / "images" / "a.png")
    written = prediction.save(tmp_path / "out", "probabilities,geojson")
    with np.load(written["probabilities"]) as arrays:
        np.testing.assert_allclose(arrays["probabilities"], prediction.probabilities(), atol=1e-3)
    assert (
        json.loads(written["geojson"].read_text())["features"]
        == json.loads(json.dumps(prediction.polygons()))["features"]
    )

    run.model.predict(tmp_path / "images").save(tmp_path / "many", ["confidence"])
    assert {path.name for path in (tmp_path / "many").iterdir()} == {"a_confidence.png", "b_confidence.png"}
    with pytest.raises(RequestError, match="unknown kind of result 'video'"):
        prediction.save(tmp_path / "out", ["video"])


def test_a_video_from_python(run: streetseg.Run, tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "drive.mp4"), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
        for number in range(3):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(street(number, SIZE)[0], "rgb24")))
        output.mux(stream.encode(None))
    labeled = run.model.predict_video(tmp_path / "drive.mp4", tmp_path / "out", ["ids"])
    assert labeled.frames == len(list(labeled.paths["ids"].iterdir())) == 3
    with pytest.raises(RequestError, match="a weight of 1"):
        run.model.predict_video(tmp_path / "drive.mp4", tmp_path / "out", smooth=1)


def test_a_limit_of_megapixels(run: streetseg.Run, tmp_path: Path) -> None:
    save(tmp_path / "a.png", street(3, SIZE)[0])
    low = streetseg.load(run.folder, max_megapixels=0.001)
    for images in (tmp_path / "a.png", tmp_path):
        with pytest.raises(DataError, match="max_megapixels=N raises the limit"):
            list(low.predict(images))  # type: ignore[call-overload]
    assert streetseg.predict(run.folder, tmp_path / "a.png", max_megapixels=1).labels.shape == SIZE
    with pytest.raises(RequestError, match="a limit of 0 megapixels"):
        streetseg.load(run.folder, max_megapixels=0)


def test_a_run_shows_itself(run: streetseg.Run) -> None:
    assert run.history.index.tolist() == [1]
    assert run.mean_iou == pytest.approx(run.history.loc[1, "val_iou"], abs=1e-6)
    assert run._repr_html_().count("<img alt=") == 3
    assert run.scores.per_image.loc["val/0016E5_07959", "sequence"] == "0016E5"


def test_callbacks_hear_of_a_run_and_one_that_fails_is_left_out(
    data: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    listener = Listener()
    run = streetseg.train(
        data, epochs=2, out=tmp_path / "run", optim={"lr": 2e-3}, callbacks=[Failing(), listener], **USUAL
    )

    kinds = [kind for kind, _ in listener.heard]
    epoch = [*["scalars"] * 2, *["image"] * 2, "scalars"]  # two steps, both validation images, the epoch
    assert kinds == ["start", *epoch, *epoch, "finish"]
    assert listener.heard[0] == ("start", 2e-3)
    assert listener.heard[-1] == ("finish", ("done", run.best_epoch))
    assert ("image", (np.uint8, (2 * SIZE[0], 2 * SIZE[1], 3))) in listener.heard
    assert listener.values[2]["val/iou"] == run.history.loc[1, "val_iou"]
    assert "the tracker is away" in caplog.text


def test_a_callback_ends_a_run_as_a_finished_one(data: str, tmp_path: Path) -> None:
    run = streetseg.train(data, epochs=5, out=tmp_path / "run", callbacks=[Impatient()], **USUAL)

    assert len(run.history) == 1
    assert run.report.is_file()
    assert {"event": "early_stop", "epoch": 1, "why": "enough"}.items() <= journal_of(run.folder)[-3].items()


def test_patience_ends_a_run_and_resuming_leaves_it_ended(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = fit.epoch_row
    monkeypatch.setattr(fit, "epoch_row", lambda *given: replace(measured(*given), val_iou=0.5))
    never_better = {"train": {"patience": 2}}
    run = streetseg.train(data, epochs=9, out=tmp_path / "run", **never_better, **USUAL)
    epochs = len(run.history)
    again = streetseg.train(data, epochs=9, out=run.folder, resume=True, **never_better, **USUAL)

    assert (run.best_epoch, epochs) == (1, 3)
    assert len(again.history) == epochs


def test_a_loss_of_ones_own(data: str, tmp_path: Path) -> None:
    seen = []

    def loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        seen.append((logits.dtype, labels.dtype, logits.shape[-2:] == labels.shape[-2:]))
        return F.cross_entropy(logits, labels, ignore_index=255)

    run = streetseg.train(data, epochs=1, out=tmp_path / "run", loss=loss, **USUAL)

    assert set(seen) == {(torch.float32, torch.int64, True)}
    begin, step, *_ = journal_of(run.folder)
    assert "the loss is the caller's own" in begin["own"][0]
    assert step["own_loss"] == step["loss"]


def test_data_of_ones_own(tmp_path: Path) -> None:
    streets = Streets()
    run = streetseg.train(streets, epochs=1, out=tmp_path / "run", **USUAL)
    scores = streetseg.evaluate(run.model, streets)

    assert run.model.classes == STREET_11.names
    assert scores.mean_iou == pytest.approx(run.mean_iou)
    assert "data source is the caller's own" in (run.folder / "journal.jsonl").read_text()
    assert streetseg.check(streets).splits.to_dict() == {"train": 4, "val": 2}


def test_wrong_data_of_ones_own_is_named(tmp_path: Path) -> None:
    streets = Streets()
    streets.splits["train"][1][1][:] = 77
    with pytest.raises(DataError, match="ids outside the classes") as error:
        streetseg.train(streets, epochs=1, out=tmp_path / "run", **USUAL)
    assert "train/000001" in str(error.value)
    with pytest.raises(RequestError, match="data is an int"):
        streetseg.train(3, out=tmp_path / "run")  # type: ignore[arg-type]


def test_the_verdict_is_that_of_the_command(data: str, tmp_path: Path, streetseg) -> None:
    import streetseg as package

    words = [f"{field}={str(value).replace(' ', '')}" for field, value in RUN.items()]
    encoders = ["test_efficientnet", "test_resnet"]
    command = streetseg(
        "study", data, *words, "--encoders", ",".join(encoders), "--weights", "none", "--epochs", 1, "--quiet",
        "--out", tmp_path / "command",
    )  # fmt: skip
    assert command.code == 0, command.err

    study = package.study(
        data, encoders=encoders, weights="none", epochs=1, out=tmp_path / "api", quiet=True, recipe=RUN
    )

    # Latencies are measured anew by each; the scores, the ranking and the statistics are the same.
    assert study.verdict.partition(", at ")[0] in " ".join(command.out.split())
    one, two = (json.loads((tmp_path / who / "study.json").read_text()) for who in ("api", "command"))
    assert one["ranking"] == two["ranking"]
    compared = streetseg("compare", *(run.folder for run in study.runs), "--out", tmp_path / "compared")
    assert study.verdict in " ".join(compared.out.split())
    assert len(study.runs) == len(study.table) == 2
    assert study.differences.shape[0] == 1
    assert package.compare(study.runs).verdict == study.verdict


def test_an_error_in_a_notebook_is_three_lines_in_the_words_of_python(data: str, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RequestError) as error:
        streetseg.evaluate(tmp_path, data, out=tmp_path)

    shown = error.value._render_traceback_()
    assert shown[0].startswith("RequestError: this is no empty folder")
    assert len(shown) == 3
    assert "out=DIR" in shown[2] and "--" not in shown[2]
    assert str(error.value) == "\n".join(shown).removeprefix("RequestError: ")  # as any Python shows it


def test_an_unknown_argument_is_named() -> None:
    with pytest.raises(RequestError, match="unknown argument epoch"):
        streetseg.train("scenes", epoch=3)
    with pytest.raises(RequestError, match=r"a recipe has no optim\.rate"):
        streetseg.train("scenes", optim={"rate": 3})
    with pytest.raises(RequestError, match=r"optim\.lr means nothing to check"):
        streetseg.check("scenes", optim={"lr": 3})


def test_an_interrupt_says_how_to_go_on(data: str, tmp_path: Path) -> None:
    class Interrupting:
        def scalars(self, step: int, values: dict[str, float]) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match="resume=True goes on"):
        streetseg.train(data, epochs=2, out=tmp_path / "run", callbacks=[Interrupting()], **USUAL)
    run = streetseg.train(data, epochs=2, out=tmp_path / "run", resume=True, **USUAL)
    assert len(run.history) == 2


def test_the_import_is_instant() -> None:
    code = "import sys, streetseg; print([m for m in ('numpy', 'torch', 'pydantic', 'pandas') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_flags_that_do_not_go_together_are_said_in_the_words_of_python() -> None:
    with pytest.raises(streetseg.StreetsegError, match="force=True goes with resume=True"):
        streetseg.train("scenes", encoder="test_efficientnet", force=True)
    with pytest.raises(streetseg.StreetsegError, match="data is an object"):
        streetseg.study(object(), encoders=["test_efficientnet"])  # type: ignore[arg-type]
