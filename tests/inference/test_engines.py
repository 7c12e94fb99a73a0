"""Engines: chosen by name or by measurement, refused with the reason; each imports only its own library."""

import json
import logging
import os
import pickle
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

import tiny
from exported import SCENES, exported, saved
from networks import tiny_network
from streetseg.deploy.export import export
from streetseg.errors import ModelError, RequestError
from streetseg.inference.bench import measure_models
from streetseg.inference.engines import open as opening
from streetseg.inference.engines.choice import Choice
from streetseg.inference.engines.fastest import Fastest, fastest
from streetseg.inference.engines.open import MANY, open_engine
from streetseg.inference.engines.openvino_engine import OpenVinoEngine
from streetseg.inference.predictor import Predictor
from streetseg.labels.tables import STREET_11
from streetseg.models.description import KEY
from streetseg.recipe.reading import AS_USUAL

Command = Callable[..., Any]
ENGINES = [("model.onnx", "onnxruntime"), ("model.onnx", "openvino"), ("model.xml", "openvino")]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Export model.onnx, with model.xml and the bundle `model` beside it."""
    return exported(tmp_path_factory.mktemp("exported"), size=(48, 64))


def streets(count: int, size: tuple[int, int] = (48, 64)) -> list[np.ndarray[Any, np.dtype[np.uint8]]]:
    return [tiny.street(index, size)[0] for index in range(count)]


@pytest.mark.parametrize("stats", [{}, {"tta": True}, {"tile": 128}])
@pytest.mark.parametrize(("file", "name"), ENGINES)
def test_predictions_are_those_of_torch(model: Path, file: str, name: str, stats: dict[str, Any]) -> None:
    reference = Predictor.load(model.with_suffix(""), "cpu", **stats)
    predictor = Predictor.load(model.with_name(file), engine=name, **stats)
    for image in (*streets(1), *streets(1, (150, 211))):
        assert (predictor.predict(image) == reference.predict(image)).mean() > 0.995


@pytest.mark.parametrize("name", ["onnxruntime", "openvino", "auto"])
@pytest.mark.parametrize("count", [1, 5, MANY])
def test_a_stream_keeps_the_order(model: Path, name: str, count: int) -> None:
    predictor = Predictor.load(model, engine=name, images=count)
    images = streets(count)

    assert all(
        np.array_equal(ids, predictor.predict(image))
        for ids, image in zip(predictor.stream(images), images, strict=True)
    )


@pytest.fixture
def forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no choice of an engine be remembered from another test."""
    monkeypatch.setenv("STREETSEG_CACHE", str(tmp_path / "cache"))


@pytest.mark.usefixtures("forgotten")
def test_auto_measures_on_the_first_images_and_says_what_it_took(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="streetseg")
    engine = open_engine(model)
    assert isinstance(engine, Fastest)
    engine.labels(np.stack(streets(2)).transpose(0, 3, 1, 2))

    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"engine: {engine.name}, the fastest here at 48x64")
    assert "onnxruntime" in line
    assert "openvino" in line


def test_auto_takes_the_one_that_starts_soonest_for_few_images(model: Path) -> None:
    assert open_engine(model, images=1).name == "onnxruntime"
    assert open_engine(model.with_suffix(".xml"), images=1).name == "openvino"
    assert open_engine(model.with_suffix(""), images=1).name == "torch"


class Fake:
    """An engine that returns one label after a delay. `calls` collects the names of engines in the order of calls."""

    precision = "fp32"
    fixed_size = None
    reading = AS_USUAL
    space = STREET_11

    def __init__(self, name: str, label: int, seconds: float, *, workers: int = 1, calls: list[str] | None = None):
        self.name, self.label, self.seconds, self.workers = name, label, seconds, workers
        self.calls = [] if calls is None else calls
        self.at_once, self.most_at_once = 0, 0
        self.size = None
        self.threads: set[threading.Thread] = set()
        self.lock, self.meeting = threading.Lock(), threading.Barrier(1)

    def take(self, images: Any) -> Any:
        return images

    def labels(self, images: Any) -> Any:
        with self.lock:
            self.calls.append(self.name)
            self.threads.add(threading.current_thread())
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        self.meeting.wait(20)
        time.sleep(self.seconds)
        with self.lock:
            self.at_once -= 1
        return np.full((1, 4, 4), self.label, np.uint8)


def test_an_engine_whose_labels_disagree_is_left_out_however_fast(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="streetseg")
    engines: Any = [Fake("a", 1, 0.1), Fake("wrong", 2, 0), Fake("b", 1, 0.001)]

    assert fastest(engines, np.zeros((1, 3, 4, 4), np.uint8))[0].name == "b"
    assert "engine wrong is left out: only 0.00 % of its labels are those of a" in caplog.messages[0]


def test_engines_are_measured_one_after_the_other() -> None:
    """Threads of one engine may still run after its call; they must not disturb the measurement of another."""
    calls: list[str] = []
    engines: Any = [Fake("a", 1, 0, calls=calls), Fake("b", 1, 0, calls=calls)]
    fastest(engines, np.zeros((1, 3, 4, 4), np.uint8))

    assert [name for name, _ in groupby(calls[2:])] == ["a", "b"]


@pytest.mark.parametrize(("slow", "fast"), [(4, 1), (1, 4)])
def test_a_stream_works_on_as_many_at_once_as_the_chosen_engine_likes(slow: int, fast: int) -> None:
    chosen = Fake("b", 1, 0.01, workers=fast)
    engines: Any = [Fake("a", 1, 0.1, workers=slow), chosen]
    ids = Predictor(Fastest(engines)).stream(np.zeros((4, 4, 3), np.uint8) for _ in range(13))
    next(ids)
    chosen.most_at_once, chosen.meeting = 0, threading.Barrier(fast)

    assert len(list(ids)) == 12
    assert chosen.most_at_once == fast


def test_one_at_a_time_means_in_the_thread_that_asks_while_another_reads() -> None:
    engine: Any = Fake("a", 1, 0)
    readers = []

    def images() -> Iterator[NDArray[np.uint8]]:
        for _ in range(5):
            readers.append(threading.current_thread())
            yield np.zeros((4, 4, 3), np.uint8)

    assert len(list(Predictor(engine).stream(images()))) == 5
    assert engine.threads == {threading.current_thread()}
    assert threading.current_thread() not in readers[1:]


@pytest.mark.bad_input(34, "somebody else's ONNX file, a pickle or text named .onnx or .xml: refused, nothing runs")
@pytest.mark.parametrize(("file", "name"), ENGINES)
def test_files_that_are_no_exported_model(
    model: Path, tmp_path: Path, streetseg: Command, file: str, name: str
) -> None:
    stranger = onnx.load(str(model))
    del stranger.metadata_props[:]
    image = tmp_path / "a.png"
    tiny.save(image, streets(1)[0])
    for content, message in (
        (pickle.dumps({"a": 1}), "read"),
        (b"", "read"),
        (b"<html></html>", "read"),
        (stranger.SerializeToString(), "was not exported by streetseg"),
    ):
        (tmp_path / file).write_bytes(content)
        ended = streetseg("predict", tmp_path / file, image, "--out", tmp_path / "out", "--engine", name)
        assert ended.code == 2, ended.err
        assert message in ended.err
        assert "Traceback" not in ended.err
    assert not (tmp_path / "out").exists()


@pytest.mark.bad_input(34, "an exported model with a damaged or newer description is refused with the reason")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 4}, "this program reads version 3"),
        ({"classes": ["one"]}, "colors"),
        ({"precision": "fp4"}, "incomplete or invalid (precision"),
        ({"format": "other"}, 'not of the format "streetseg-exported"'),
    ],
)
def test_a_description_that_is_not_sound(model: Path, tmp_path: Path, change: dict[str, Any], message: str) -> None:
    spoilt = onnx.load(str(model))
    (entry,) = [entry for entry in spoilt.metadata_props if entry.key == KEY]
    entry.value = json.dumps(json.loads(entry.value) | change)
    onnx.save(spoilt, str(tmp_path / "a.onnx"))

    for name in ("onnxruntime", "openvino"):
        with pytest.raises(ModelError) as refused:
            open_engine(tmp_path / "a.onnx", name)
        assert message in str(refused.value)


def test_what_cannot_be_is_refused(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RequestError, match="unknown engine onnxruntim") as refused:
        open_engine(model, "onnxruntim")
    assert refused.value.hint == "did you mean onnxruntime?"
    with pytest.raises(RequestError, match="engine torch cannot run this model"):
        open_engine(model, "torch")
    with pytest.raises(RequestError, match="engine openvino cannot run this model") as refused:
        open_engine(model.with_suffix(""), "openvino")
    assert "streetseg export MODEL" in str(refused.value.hint)
    with pytest.raises(RequestError, match="runs on the CPU, not on cuda"):
        open_engine(model, device="cuda")
    with pytest.raises(RequestError, match="not in bf16"):
        open_engine(model, "onnxruntime", precision="bf16")
    with pytest.raises(ModelError, match="cannot be read"):
        open_engine(model.with_suffix(".tflite"))
    with pytest.raises(ModelError):
        open_engine(model.with_name("none.onnx"), "openvino")
    with pytest.raises(ModelError):
        open_engine(model.with_name("none.onnx"), "onnxruntime")
    monkeypatch.setattr(opening, "_installed", lambda name: name != "openvino")
    with pytest.raises(RequestError, match="not installed") as refused:
        open_engine(model, "openvino")
    assert refused.value.hint == "pip install 'streetseg[openvino]'"
    assert open_engine(model).name == "onnxruntime"


def test_bf16_where_the_processor_has_it_else_refused(model: Path) -> None:
    import openvino

    if "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        assert open_engine(model, "openvino", precision="bf16").precision == "bf16"
    else:
        with pytest.raises(RequestError, match="does not compute in bf16"):
            open_engine(model, "openvino", precision="bf16")


@pytest.mark.parametrize("images", [1, None, MANY])
def test_auto_leaves_out_what_lacks_the_precision_and_says_so(
    model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, images: int | None
) -> None:
    caplog.set_level(logging.INFO, logger="streetseg")
    has_bf16 = staticmethod(lambda precision: None)  # as on a processor that computes in it
    monkeypatch.setattr(OpenVinoEngine, "lacks", has_bf16)

    engine = open_engine(model, precision="bf16", images=images)

    assert (engine.name, engine.precision) == ("openvino", "bf16")
    assert caplog.messages == [
        "engine onnxruntime is left out: ONNX Runtime computes in the precision of the file, not in bf16"
    ]


def test_auto_refuses_a_precision_that_no_engine_computes_in(
    model: Path, streetseg: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_none = staticmethod(lambda precision: f"this processor does not compute in {precision}")
    monkeypatch.setattr(OpenVinoEngine, "lacks", has_none)

    with pytest.raises(RequestError, match="of the file, not in bf16; this processor does not compute in bf16"):
        open_engine(model, precision="bf16")
    ended = streetseg("bench", model, "--precision", "bf16")
    assert ended.code == 2
    assert "of the file, not in bf16; this processor does not compute in bf16" in ended.err


HEAVY = {"torch", "timm", "onnx", "onnxruntime", "openvino", "streetseg.recipe.schema"}


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_nothing_heavy_but_the_engine_is_imported(model: Path, tmp_path: Path, name: str) -> None:
    tiny.save(tmp_path / "a.png", streets(1, (100, 90))[0])
    code = (
        "import sys\n"
        "from streetseg.cli.main import main\n"
        "try:\n    main()\n"
        "except SystemExit as ended:\n"
        f"    print(ended.code, sorted({HEAVY} & set(sys.modules)))"
    )
    argv = ["predict", model, tmp_path / "a.png", "--out", tmp_path / "out", "--engine", name, "--json"]
    done = subprocess.run([sys.executable, "-c", code, *map(str, argv)], capture_output=True, text=True)

    assert done.stdout.splitlines()[-1] == f"0 {[name]}", done.stderr


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_no_engine_sends_its_maker_anything(model: Path, tmp_path: Path, name: str) -> None:
    """Whoever sends something keeps an identifier at home; in continuous integration none sends anything."""
    code = f"import streetseg; streetseg.load({str(model)!r}, engine={name!r})"
    environment = {key: os.environ[key] for key in ("PATH", "PYTHONPATH", "SYSTEMROOT") if key in os.environ}
    homes = dict.fromkeys(("HOME", "USERPROFILE", "LOCALAPPDATA"), str(tmp_path))

    subprocess.run([sys.executable, "-c", code], env=environment | homes, check=True)

    assert not list(tmp_path.iterdir())


def test_bench_measures_every_engine(model: Path, streetseg: Command) -> None:
    reported = json.loads(
        streetseg("bench", model, model.with_suffix(".xml"), "--size", "40x72", "--batch", "2", "--json").out
    )

    assert [cost["engine"] for cost in reported["models"]] == ["onnxruntime", "openvino", "openvino"]
    assert all(cost["size"] == [40, 72] and cost["batch"] == 2 for cost in reported["models"])
    assert all(0 < cost["latency_ms"]["p50"] <= cost["latency_ms"]["p95"] for cost in reported["models"])
    message = streetseg("bench", model, "--engine", "openvino").out
    assert re.search(r"model.onnx +openvino +fp32.* 1 of 48x64 ", message)  # a table since scores stand beside times
    assert streetseg("bench", model, "--engine", "torch").code == 2


@pytest.mark.parametrize("file", ["model.onnx", "model.xml"])
def test_evaluate_scores_an_exported_model_by_the_same_protocol(
    model: Path, tmp_path: Path, streetseg: Command, file: str
) -> None:
    data = f"camvid:{tiny.camvid_segnet(tmp_path / 'camvid')}"
    expected = json.loads(streetseg("evaluate", model.with_suffix(""), data, "--json").out)
    ended = streetseg(
        "evaluate", model.with_name(file), data, "--engine", "openvino", "--out", tmp_path / "out", "--json"
    )
    found = json.loads(ended.out)

    assert found["protocol"] == expected["protocol"] | {"engine": "openvino"}
    assert expected["protocol"]["engine"] == "torch"
    assert found["mean"]["iou"] == pytest.approx(expected["mean"]["iou"], abs=2e-3)
    assert found["ece"] == pytest.approx(expected["ece"], abs=2e-3)
    assert (tmp_path / "out" / "scores.json").exists()
    assert streetseg("evaluate", model, data, "--devices", "2").code == 2


def test_the_network_of_these_tests_sees_more_than_one_class() -> None:
    """With a single class, equal labels would prove little."""
    network = tiny_network(size=(48, 64)).eval()
    images = torch.from_numpy(np.stack(streets(2)).transpose(0, 3, 1, 2).copy())
    with torch.inference_mode():
        assert len(network(images).argmax(1).unique()) > 2


def test_a_signal_is_survived_after_openvino_was_let_go_in_another_thread(model: Path) -> None:
    """`auto` releases an engine in this way. The alternate stack for signal handlers used to be freed with it."""
    code = """
import os, signal, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import numpy as np
from streetseg.inference.engines.open import open_engine

held = [open_engine(Path(sys.argv[1]), "openvino")]
held[0].labels(np.zeros((1, 3, 48, 64), dtype=np.uint8))
with ThreadPoolExecutor(1) as pool:
    pool.submit(held.clear).result()
signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
os.kill(os.getpid(), signal.SIGTERM)
"""
    assert subprocess.run([sys.executable, "-c", code, str(model)]).returncode == 7


@pytest.mark.usefixtures("forgotten")
def test_the_choice_is_made_once_and_remembered(
    model: Path, tmp_path: Path, streetseg: Command, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="streetseg")
    image = np.stack(streets(1)).transpose(0, 3, 1, 2)
    first = open_engine(model)
    first.labels(image)
    (file,) = (tmp_path / "cache" / "engines").iterdir()
    kept = json.loads(file.read_text())
    assert (kept["model"], kept["choice"]["engine"]) == (model.name, first.name)

    again = open_engine(model)
    assert not isinstance(again, Fastest)
    assert again.name == first.name
    assert caplog.messages[-1].startswith(f"engine: {first.name}, the fastest here at 48x64 when it was measured")

    measured = json.loads(streetseg("bench", model, "--size", "40x72", "--json").out)["models"]
    assert {row["engine"]: row["auto"] for row in measured} == {
        name: name == first.name for name in ("onnxruntime", "openvino")
    }
    assert "* engine auto takes it for many images" in streetseg("bench", model, "--size", "40x72").out
    other = tmp_path / "other.onnx"
    other.write_bytes(onnx_with_a_note(model))
    assert isinstance(open_engine(other), Fastest)  # other bytes are another model

    kept["choice"]["engine"] = "somebody's"
    file.write_text(json.dumps(kept))
    assert isinstance(open_engine(model), Fastest)
    file.write_text("{")
    assert isinstance(open_engine(model), Fastest)


def onnx_with_a_note(path: Path) -> bytes:
    changed = onnx.load(str(path))
    changed.doc_string = "another"
    return bytes(changed.SerializeToString())


@pytest.mark.usefixtures("forgotten")
def test_a_cache_that_cannot_be_written_to_costs_only_the_memory(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STREETSEG_CACHE", str(tmp_path / "file"))

    engine = open_engine(model)

    assert engine.labels(np.stack(streets(1)).transpose(0, 3, 1, 2)).shape == (1, 48, 64)


@pytest.fixture(scope="module")
def int8(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Export an int8 model."""
    folder = tmp_path_factory.mktemp("int8")
    bundle = saved(folder / "model", tiny_network(size=(48, 64)))
    export(bundle, folder / "m.onnx", "onnx", SCENES, precision="int8")
    return folder / "m.onnx"


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize("bf16", [True, False])
def test_an_int8_model_is_also_measured_with_its_float_layers_in_bf16(
    int8: Path, monkeypatch: pytest.MonkeyPatch, bf16: bool
) -> None:
    """Where the processor has bf16, that is one of the choices, and a choice that is remembered as such."""
    lacking = None if bf16 else "this processor does not compute in bf16"
    monkeypatch.setattr(
        OpenVinoEngine, "lacks", staticmethod(lambda precision: lacking if precision == "bf16" else None)
    )

    def takes_last(engines: Any, images: Any) -> Any:
        seen.extend((engine.name, engine.precision) for engine in engines)
        last = engines[-1]
        return last, Choice(last.name, last.precision, {"openvino with bf16": 7.8}, (48, 64))

    seen: list[tuple[str, str]] = []
    monkeypatch.setattr("streetseg.inference.engines.fastest.fastest", takes_last)
    open_engine(int8).labels(np.stack(streets(1)).transpose(0, 3, 1, 2))

    plain = [("onnxruntime", "int8"), ("openvino", "int8")]
    assert seen == ([*plain, ("openvino", "int8-bf16")] if bf16 else plain)
    again = open_engine(int8)
    assert (again.name, again.precision) == seen[-1]
    names = [row["precision"] for row in measure_models(
        [(int8, None)], (40, 72), engine=None, device="auto", precision="fp32", batch=1
    )]  # fmt: skip
    assert names == [precision for _, precision in seen]


def test_bench_puts_mean_iou_beside_milliseconds(model: Path, tmp_path: Path, streetseg: Command) -> None:
    data = f"camvid:{tiny.camvid_segnet(tmp_path / 'camvid')}"
    scored = json.loads(streetseg("evaluate", model, data, "--json").out)

    measured = json.loads(streetseg("bench", model, "--data", data, "--json").out)["models"]
    lines = streetseg("bench", model, "--data", data).out.splitlines()

    assert measured[0]["mean_iou"] == scored["mean"]["iou"]
    assert lines[0].split()[-2:] == ["mean", "IoU"]
    assert lines[1].split()[-1] == f"{100 * scored['mean']['iou']:.2f}"
    assert any(line.startswith("fastest within 0.5 points of the best mean IoU: ") for line in lines)
