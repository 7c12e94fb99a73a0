"""Fixtures of all tests: one thread, a cache folder, real data, a browser, run folders, the command."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported anywhere: results do not depend on the machine
os.environ["HF_HUB_OFFLINE"] = "1"  # read when the hub's client is imported, which any test module may do

# The same examples every time, and no test asserts a time.
settings.register_profile("streetseg", deadline=None, derandomize=True)
settings.load_profile("streetseg")

ROOT = Path(__file__).parents[1]
REQUIRED = set(os.environ.get("STREETSEG_REQUIRE", "").split(",")) - {""}

# The files that take longest, longest first. Begun last, one would keep a worker busy while the others are idle.
LONGEST = (
    "test_notebooks.py", "test_pages.py", "test_kill_sweep.py", "test_killed.py", "test_failures.py",
    "test_resume_study.py", "test_accessibility.py", "test_litert.py", "test_dataset_untouched.py", "test_grid.py",
    "test_ray.py", "test_strange_names.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONGEST)))


@pytest.fixture(scope="session", autouse=True)
def _own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hide the user's recipe variables and cache from the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("STREETSEG_")]:
            if name not in ("STREETSEG_REQUIRE", "STREETSEG_SHARED"):
                patch.delenv(name)
        patch.setenv("STREETSEG_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def latency_runs() -> Iterator[tuple[int, int]]:
    """Measure each latency in two runs of the network. Yield the fewest and the most that people get."""
    from streetseg.inference import latency

    usual = latency.RUNS
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latency, "RUNS", (2, 2))
        yield usual


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder with real data: $STREETSEG_SHARED, or `shared` beside the checkout."""
    folder = Path(os.environ.get("STREETSEG_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        missing("shared", f"no real data in {folder}; set STREETSEG_SHARED")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of a Chromium."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    return missing("browser", "no chromium on this machine; install one")


@pytest.fixture(scope="session")
def litert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return model.tflite, with the bundle `model` beside it; converted once for all workers, in half a minute."""
    if find_spec("litert_torch") is None or find_spec("ai_edge_litert") is None:
        missing("litert", "litert-torch and ai-edge-litert are not installed; pip install -e '.[litert,litert-export]'")
    from filelock import FileLock

    from exported import litert_exported

    base = tmp_path_factory.getbasetemp()
    file = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "litert" / "model.tflite"
    with FileLock(f"{file.parent}.lock"):
        return file if file.exists() else litert_exported(file.parent)


@pytest.fixture
def write_run(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a finished run into a folder of a given name."""
    from finished_runs import write_finished_run

    return lambda name, **options: write_finished_run(tmp_path / "runs" / name, **options)


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator["Browser"]:
    """Yield a headless Chromium that makes no requests of its own."""
    from playwright.sync_api import sync_playwright

    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=quiet)
        yield started
        started.close()


@pytest.fixture(scope="session")
def real_runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return two run folders with bundles of tiny networks, scored on files in CamVid's layout."""
    import torch

    from finished_runs import RANDOM, write_finished_run
    from networks import tiny_network
    from streetseg.data.open import open_source
    from streetseg.data.store import Store
    from streetseg.evaluation.evaluate import evaluate
    from streetseg.evaluation.predictions import packed
    from streetseg.inference.engines.torch_engine import TorchEngine
    from streetseg.inference.predictor import Predictor
    from streetseg.labels.tables import STREET_11
    from streetseg.models.bundle import save_bundle
    from streetseg.recipe.schema import Recipe
    from tiny import camvid_segnet

    folder = tmp_path_factory.mktemp("study")
    data = camvid_segnet(folder / "camvid", n_train=2, n_val=8)
    recipe = Recipe.model_validate({"data": {"source": f"camvid:{data}"}})
    store = Store.open(open_source(recipe.data), "val", size=None, resize_labels=False, cache=folder / "cache")
    runs = []
    for encoder in ("test_efficientnet", "test_resnet"):
        network = tiny_network(encoder)
        evaluation = evaluate(Predictor(TorchEngine(network, torch.device("cpu"))), store, keep=True)
        counts = evaluation.counts
        run = write_finished_run(
            folder / "runs" / encoder,
            encoder=encoder,
            start=RANDOM,
            counts=counts.counts,
            ignored=counts.ignored,
            names=counts.names,
            sequences=counts.sequences,
            classes=STREET_11.names,
            colors=STREET_11.colors,
            train_sequences=["0016E5"],
            recipe={"data": {"source": f"camvid:{data}"}},
        )
        save_bundle(run / "best", network, initial_weights=RANDOM, protocol={}, scores={})
        assert evaluation.predictions is not None
        (run / "evaluation" / "predictions.zip").write_bytes(packed(evaluation.predictions))
        runs.append(run)
    return runs


@dataclass(frozen=True)
class Finished:
    """A finished command: its exit code, stdout and stderr."""

    code: int
    out: str
    err: str


@pytest.fixture
def streetseg(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Finished]]:
    """Yield a function that runs `streetseg ARGV...` in this process, where torch is imported once for all tests.

    What a command prints with `--json` is held against its published schema.
    """
    from published import require_published
    from streetseg.cli.main import main

    def run(*argv: object) -> Finished:
        capfd.readouterr()
        monkeypatch.setattr("sys.argv", ["streetseg", *map(str, argv)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        done = Finished(int(ended.value.code or 0), out, err)
        require_published([*map(str, argv)], done.code, done.out)
        return done

    handler = signal.getsignal(signal.SIGTERM)
    yield run
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that writes a report; one of the same shape is written once."""
    from drawn_reports import drawn_report

    written: dict[str, Path] = {}

    def write(**shape: object) -> Path:
        key = repr(sorted(shape.items()))
        if key not in written:
            written[key] = drawn_report(tmp_path_factory.mktemp("drawn"), **shape)  # type: ignore[arg-type]
        return written[key]

    return write


def missing(what: str, reason: str) -> str:
    """Skip the test, or fail it if STREETSEG_REQUIRE lists `what`."""
    if what in REQUIRED:
        pytest.fail(f"{reason} (STREETSEG_REQUIRE asks for it)")
    pytest.skip(reason)
