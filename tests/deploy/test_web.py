"""`streetseg export --format web`: the folder that it writes, and what it refuses."""

import hashlib
import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from exported import saved
from networks import tiny_network
from streetseg.deploy import web_runtime
from streetseg.scenes.render import render

PAGE = Path(__file__).parents[2] / "src" / "streetseg" / "serve" / "page"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return a folder that looks like the unpacked npm package."""
    folder = tmp_path / "package"
    for file in web_runtime.FILES.values():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(f"// {file}")
    (folder / "package.json").write_text('{"name": "onnxruntime-web", "version": "1.30.0"}')
    return folder


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return saved(tmp_path / "my street" / "best", tiny_network(size=(48, 64)).eval())


def test_a_folder_with_all_that_a_browser_needs(
    streetseg: Callable[..., object], bundle: Path, package: Path, tmp_path: Path
) -> None:
    out = tmp_path / "page"
    done = streetseg("export", bundle.parent, "--format", "web", "--runtime", package, "--out", out, "--json")
    assert done.code == 0
    listed = json.loads(done.out)
    assert {Path(file) for file in listed["files"]} == {file for file in out.rglob("*") if file.is_file()}
    assert listed["bytes"] == sum(file.stat().st_size for file in out.rglob("*") if file.is_file())

    models = json.loads((out / "model.json").read_bytes())
    (model,) = models["models"]
    assert model["name"] == "my-street"
    assert model["file"] == "models/my-street.onnx"
    assert model["size"] == [48, 64]
    assert model["classes"][1] == {"id": 1, "name": "building", "color": [128, 0, 0]}
    assert model["sha256"] == hashlib.sha256((out / model["file"]).read_bytes()).hexdigest()
    assert models["limits"]["pixels"] == 100_000_000

    page = (out / "index.html").read_text("utf-8")
    assert 'data-home="device"' in page
    assert "://" not in page.replace("http://www.w3.org", "")
    assert not (out / "segment_server.js").exists()
    assert "MIT License" in (out / "runtime" / "LICENSE.txt").read_text()
    listed = json.loads((out / "files.js").read_text().removeprefix("const FILES = ").removesuffix(";\n"))
    assert listed["later"] == ["runtime/webgpu/ort.js", "runtime/webgpu/ort.wasm"]
    written = {file.relative_to(out).as_posix() for file in out.rglob("*") if file.is_file()}
    assert {*listed["paths"], *listed["later"], "service_worker.js"} == written


def test_sizes_are_listed_and_the_next_step(
    streetseg: Callable[..., object], bundle: Path, package: Path, tmp_path: Path
) -> None:
    done = streetseg("export", bundle, "--format", "web", "--runtime", package, "--out", tmp_path / "page")
    assert done.code == 0
    assert "MiB  models/my-street.onnx" in done.out
    assert "smaller files" in done.out
    assert f"python -m http.server --directory {tmp_path / 'page'}" in done.out.replace("\n", " ")


def test_a_second_network_joins_the_page(
    streetseg: Callable[..., object], bundle: Path, package: Path, tmp_path: Path
) -> None:
    out, other = tmp_path / "page", saved(tmp_path / "other", tiny_network(seed=1).eval())
    words = ("--format", "web", "--runtime", package, "--out", out)
    assert streetseg("export", bundle, *words).code == 0
    first, version = (out / "models" / "my-street.onnx").read_bytes(), (out / "files.js").read_text()
    assert streetseg("export", other, *words).code == 0
    assert [model["name"] for model in json.loads((out / "model.json").read_bytes())["models"]] == [
        "my-street",
        "other",
    ]
    assert (out / "models" / "my-street.onnx").read_bytes() == first
    assert (out / "files.js").read_text() != version  # so that browsers take the new page

    again = streetseg("export", other, *words)
    assert again.code == 2
    assert "has a model other already" in again.err
    assert streetseg("export", other, *words, "--force").code == 0


def test_foreign_folders_are_left_alone(
    streetseg: Callable[..., object], bundle: Path, package: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "index.html").write_text("my own page")
    done = streetseg("export", bundle, "--format", "web", "--runtime", package, "--out", tmp_path / "mine", "--force")
    assert done.code == 2
    assert "something else than a page" in done.err
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["index.html"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--format", "web", "--runtime", "{tmp}"], "not the npm package onnxruntime-web"),
        (["--format", "onnx", "--runtime", "{tmp}"], "no file for onnx"),
        (["--format", "web", "--runtime", "{package}", "--int8"], "--data"),
    ],
)
def test_requests_that_cannot_be_done(
    streetseg: Callable[..., object], bundle: Path, package: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    words = [word.format(tmp=tmp_path, package=package) for word in words]
    done = streetseg("export", bundle, *words, "--out", tmp_path / "page")
    assert done.code == 2
    assert said in done.err
    assert not (tmp_path / "page").exists()


def test_no_model_is_said_before_anything_is_fetched(
    streetseg: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    done = streetseg("export", tmp_path / "nothing", "--format", "web", "--out", tmp_path / "page")
    assert done.code == 2
    assert "no such model folder" in done.err


def test_without_npm_both_cures_are_named(
    streetseg: Callable[..., object], bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("STREETSEG_CACHE", str(tmp_path / "cache"))
    done = streetseg("export", bundle, "--format", "web", "--out", tmp_path / "page")
    assert done.code == 2
    assert "npm is not installed" in done.err
    assert "install npm" in done.err
    assert "--runtime FOLDER" in done.err


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for npm is a shell script")
@pytest.mark.parametrize(
    ("script", "said"),
    [
        ('echo "npm error network is down" >&2; exit 1', "npm error network is down"),
        ('echo other > "$4/onnxruntime-web.tgz"', "is not the tested one"),
    ],
)
def test_what_npm_brings_is_checked(
    streetseg: Callable[..., object],
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    said: str,
) -> None:
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(npm.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{npm.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("STREETSEG_CACHE", str(tmp_path / "cache"))
    done = streetseg("export", bundle, "--format", "web", "--out", tmp_path / "page")
    assert done.code == 2
    assert said in done.err.replace("\n       ", " ")
    assert not (tmp_path / "cache" / "onnxruntime-web-1.30.0").exists()


def test_the_sample_is_a_scene() -> None:
    with Image.open(PAGE / "sample.png") as image:
        assert np.array_equal(np.asarray(image), render(7, 2, (288, 480))[0])


def test_no_file_of_the_page_names_another_host() -> None:
    for file in PAGE.iterdir():
        if file.suffix in (".js", ".html", ".css"):
            assert "://" not in file.read_text("utf-8"), file.name
