"""Run folders for the reports, and a browser to open them in."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from finished_runs import RANDOM, write_finished_run
from streetseg.recipe.schema import Recipe


@pytest.fixture
def write_run(tmp_path: Path) -> Callable[..., Path]:
    """Writes a finished run into a folder of this name beside the others of the test."""
    return lambda name, **options: write_finished_run(tmp_path / "runs" / name, **options)


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """A real, headless Chromium that asks nothing of the network on its own."""
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=quiet)
        yield started
        started.close()


@pytest.fixture(scope="session")
def real_runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two run folders with real bundles of tiny networks, scored on real files in CamVid's layout."""
    import torch

    from networks import tiny_segmenter
    from streetseg.data.open import open_source
    from streetseg.data.store import Store
    from streetseg.evaluation.evaluate import evaluate
    from streetseg.inference.engines.torch_engine import TorchEngine
    from streetseg.inference.predictor import Predictor
    from streetseg.labels.spaces import STREET_11
    from streetseg.models.bundle import save_bundle
    from tiny import camvid_segnet

    folder = tmp_path_factory.mktemp("study")
    data = camvid_segnet(folder / "camvid", n_train=2, n_val=8)
    recipe = Recipe.model_validate({"data": {"source": f"camvid:{data}"}})
    store = Store.open(open_source(recipe.data), "val", size=None, resize_labels=False, cache=folder / "cache")
    runs = []
    for encoder in ("test_efficientnet", "test_resnet"):
        segmenter = tiny_segmenter(encoder)
        counts = evaluate(Predictor(TorchEngine(segmenter, torch.device("cpu"))), store).counts
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
        save_bundle(run / "best", segmenter, initial_weights=RANDOM, protocol={}, scores={})
        runs.append(run)
    return runs
