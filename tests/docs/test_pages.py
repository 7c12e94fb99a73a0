"""Every code block of every page of the documentation is run, or says why it is not. A new page needs no entry here."""

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from write_reference import PAGES as GENERATED

import tiny
from conftest import missing
from page_run import RULES, SETTINGS, PageRun, check, page_run
from pages import PAGES, ROOT, Block, blocks, name_of
from streetseg.inference.engines.open import open_engine

SIZE = (64, 96)
MADE = ("runs/mobile", "street.onnx")  # where a page does not make them, a reader has them from another one
OF_THE_PROGRAM = [ROOT / "docs" / "reference" / name for name in GENERATED]  # test_reference.py compares them


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a folder with what readers have: CamVid, data of their own, an image, a run and its export."""
    import streetseg

    folder = tmp_path_factory.mktemp("world")
    tiny.camvid_segnet(folder / "camvid", 4, 2, size=SIZE)
    tiny.folder_yaml(folder, 4, 2, size=SIZE)
    tiny.folder_yaml(folder / "photos", 4, 2, size=SIZE).unlink()
    for name in ("street.png", "street.jpg", "street.ppm"):
        tiny.save(folder / name, tiny.street(3, SIZE)[0])
    with zipfile.ZipFile(folder / "photos.zip", "w") as images, tarfile.open(folder / "labels.tar", "w") as masks:
        for image in sorted((folder / "images" / "train").iterdir()):
            images.write(image, f"images/{image.name}")
            masks.add(folder / "masks" / "train" / f"{image.stem}_mask.png", f"masks/{image.stem}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        streetseg.train("camvid:camvid", encoder="test_resnet", out="runs/mobile", quiet=True)  # pages train others
        streetseg.export("runs/mobile", "onnx", out="street.onnx")
        yield folder


def names_for(folder: Path) -> dict[str, Any]:
    """Return the names that the Python code of pages begins with."""
    import streetseg

    data = shutil.copytree(folder / "camvid", folder / "new" / "camvid")
    pairs = [(image, (labels > 3).astype(np.uint8)) for image, labels in (tiny.street(i, SIZE) for i in range(6))]
    run = streetseg.Run(shutil.copytree(folder / "runs" / "mobile", folder / "new" / "other"))
    given = {"data": f"camvid:{data}", "folder": folder / "new", "image": tiny.street(9, SIZE)[0]}
    return given | {"run": run, "other": run, "train_pairs": pairs[:4], "val_pairs": pairs[4:]}


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=name_of)
def test_every_block_runs(
    page: Path,
    world: Path,
    tmp_path: Path,
    streetseg: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    of_page = sorted(blocks(page), key=lambda block: block.language == "text")  # its command may stand below it
    run = [block for block in of_page if not block.not_run]
    code = "".join(block.code for block in run)
    need_programs(run)
    folder = shutil.copytree(world, tmp_path / "page")
    names = names_for(folder)
    for name in MADE:
        if f"--out {name}\n" in code:
            remove(folder / name)
    if "street.tflite" in code:
        file = request.getfixturevalue("litert")
        shutil.copyfile(file, folder / "street.tflite")
        shutil.copytree(file.with_suffix(""), folder / "street")
    monkeypatch.chdir(folder)
    with page_run(folder, streetseg, names) as running:
        for block in of_page:
            if block.not_run:
                check(block)
            elif not (block.language == "text" and page in OF_THE_PROGRAM):
                running.run(block)
                if name_of(page) in AFTER:
                    AFTER[name_of(page)](running, block)


def need_programs(run: list[Block]) -> None:
    """Skip the page if a program that its blocks call is not on this machine."""
    words = {word for block in run for word in re.findall(r"^(?:\$ )?(curl|g\+\+|openssl)\b", block.code, re.MULTILINE)}
    for program in sorted(words | {"node" for block in run if block.language == "js"}):
        if not shutil.which(program) or (program == "g++" and sys.platform != "linux"):
            missing(program, f"no {program} on this machine that can run the page")


def remove(path: Path) -> None:
    """Remove a file or a folder."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def labels_are_those_of_streetseg(running: PageRun, block: Block) -> None:
    """Compare the labels that a program without streetseg found with those of streetseg."""
    if block.language == "python":
        found = np.asarray(running.names["labels"]).squeeze()
    elif "./segment" in block.code:
        with Image.open("labels.pgm") as file:
            found = np.asarray(file)
    elif block.language == "js" and (modules := ROOT / "node_modules").is_dir():  # npm install onnxruntime-web
        found = in_node(block, modules)
    else:
        return
    model = open_engine(Path("street" if ".tflite" in block.code else "runs/mobile"), "torch", device="cpu")
    with Image.open("street.png") as file:
        image = np.asarray(file.resize(found.shape[::-1], Image.Resampling.BILINEAR))  # .tflite: the size of the file
    labels = model.labels(model.take(image.transpose(2, 0, 1)[None]))[0]
    assert found.shape == labels.shape
    assert (found == labels).mean() >= (1 if "import onnxruntime" in block.code else 0.999)
    if "labels.png" in block.code:
        with Image.open("labels.png") as mask:
            assert np.array_equal(np.asarray(mask), found)


def in_node(block: Block, modules: Path) -> NDArray[np.uint8]:
    """Run the module of the page in Node. Return the labels of street.png."""
    Path("node_modules").symlink_to(modules)
    Path("segment.mjs").write_text(block.code)
    with Image.open("street.png") as image:
        Path("street.rgba").write_bytes(image.convert("RGBA").tobytes())
    Path("run.mjs").write_text(
        'import { readFileSync, writeFileSync } from "node:fs";\n'
        'import { open, segment } from "./segment.mjs";\n'
        'const session = await open(new Uint8Array(readFileSync("street.onnx")));\n'
        f'writeFileSync("labels", await segment(session, readFileSync("street.rgba"), {SIZE[1]}, {SIZE[0]}));\n'
    )
    subprocess.run(["node", "run.mjs"], check=True)
    return np.frombuffer(Path("labels").read_bytes(), np.uint8).reshape(SIZE)


def answers_are_images(running: PageRun, block: Block) -> None:
    """Look at the files that the server's answers were saved to, and at what the clients print."""
    if block.language in ("python", "js"):
        assert running.printed[-1].strip()
    if "labels.png" in block.code:
        assert Image.open("labels.png").mode == "L"
        assert Image.open("overlay.png").mode == "RGB"
        assert '"polygons"' in Path("street.json").read_text()


def results_are_there(running: PageRun, block: Block) -> None:
    """Look at the table, the study and the file that the code makes."""
    if "shares.csv" in block.code:
        assert Path("shares.csv").read_text().count("\n") == 1 + 6
    if "study.verdict" in block.code:
        assert running.names["study"].table.index.size == 2
    if "own.onnx" in block.code:
        assert Path("own.onnx").is_file()


# What else holds after each block of a page.
AFTER = {
    "docs/how-to/python.md": results_are_there,
    "docs/how-to/run-without-streetseg.md": labels_are_those_of_streetseg,
    "docs/how-to/serve.md": answers_are_images,
}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_has_a_language_with_a_rule(page: Path) -> None:
    assert [f"{block.where}: a fence with a language is missing" for block in blocks(page) if not block.language] == []
    unknown = [block for block in blocks(page) if block.language not in RULES and not block.not_run]
    assert [f"{block.where}: no rule for {block.language}; add one to RULES in page_run.py" for block in unknown] == []


def test_few_blocks_are_not_run_and_the_tests_that_stand_for_them_exist() -> None:
    all_blocks = [block for page in PAGES for block in blocks(page)]
    reasons = {(name_of(block.page), block.not_run) for block in all_blocks if block.not_run}
    assert len(reasons) <= len(all_blocks) / 5
    named = {file for _, reason in reasons for file in re.findall(r"tests/[\w/.]+\w", reason)}
    assert [file for file in named if not (ROOT / file).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    lost = [link for link in links if "://" not in link and not (page.parent / link).exists()]

    assert lost == []
