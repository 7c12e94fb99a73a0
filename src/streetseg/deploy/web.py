"""A folder with a page that labels images on a person's own device, from any host of static files, also offline."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from streetseg.atomic import atomic_folder
from streetseg.data.images import MAX_PIXELS
from streetseg.data.source import Source
from streetseg.deploy.export import Exported, export
from streetseg.deploy.web_runtime import PACKAGE, VERSION, runtime_files
from streetseg.errors import RequestError
from streetseg.inference.engines.onnxruntime_engine import OnnxRuntimeEngine
from streetseg.models.own import OwnModules

MODELS = "model.json"  # the models of a page, in the form of the server's GET /model
LICENSE = """ONNX Runtime Web (ort.js, ort.wasm)

MIT License

Copyright (c) Microsoft Corporation

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def export_web(
    model: Path,
    out: Path,
    source: Source,
    *,
    runtime: Path | None = None,
    force: bool = False,
    tell: Callable[[str], None] = lambda line: None,
    modules: OwnModules | None = None,
    **options: Any,
) -> Exported:
    """Write a folder with the page, the network as .onnx, and ONNX Runtime for browsers.

    A folder that holds such a page already gets the network beside its others, and the page can compare them.

    Args:
        out: a new or empty folder, or one that an earlier call wrote.
        runtime: the unpacked npm package onnxruntime-web; None: from the cache, else by npm.
        force: replace a network of the same name.
        options: of `export`, as are all other arguments.

    Returns:
        What `export` returns, with the files of the folder.

    Raises:
        RequestError: the folder is something else, holds a network of this name, or npm cannot bring the runtime.
        As `export`.
    """
    name = _name(model)
    models = _models_of(out)
    if any(entry["name"] == name for entry in models) and not force:
        hint = "--force replaces it, --out DIR writes elsewhere"
        raise RequestError(f"the page has a model {name} already", where=out, hint=hint)
    contents = {f"runtime/{file}": data for file, data in runtime_files(runtime, tell).items()}
    contents["runtime/LICENSE.txt"] = LICENSE.encode()
    kept = [entry for entry in models if entry["name"] != name]
    contents |= {entry["file"]: (out / entry["file"]).read_bytes() for entry in kept}
    with TemporaryDirectory(prefix="streetseg-web-") as scratch:
        graph = Path(scratch) / "model.onnx"
        exported = export(model, graph, "onnx", source, tell=tell, modules=modules, **options)
        entry = _entry(graph, name)
        contents[entry["file"]] = graph.read_bytes()
    contents[MODELS] = _json({"models": [*kept, entry], "limits": {"pixels": MAX_PIXELS}})
    contents |= _page()
    contents["files.js"] = _list_of_files(contents)
    try:
        with atomic_folder(out) as folder:
            for file, data in contents.items():
                (folder / file).parent.mkdir(exist_ok=True)
                (folder / file).write_bytes(data)
    except OSError as error:
        raise RequestError(f"the folder cannot be written ({error.strerror or error})", where=out) from error
    return replace(exported, files=tuple(out / file for file in contents), bytes=sum(map(len, contents.values())))


def _name(model: Path) -> str:
    """Return the name of a run or bundle folder, with the characters that are plain in an address."""
    folder = model.resolve()
    name = folder.parent.name if folder.name == "best" else folder.name
    return re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip("-.") or "model"


def _models_of(out: Path) -> list[dict[str, Any]]:
    """Return the models of the page in a folder. Raise RequestError if the folder holds something else."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return []
    try:
        models: list[dict[str, Any]] = json.loads((out / MODELS).read_bytes())["models"]
        known = (out / "service_worker.js").is_file() and all((out / entry["file"]).is_file() for entry in models)
    except (OSError, ValueError, KeyError, TypeError):
        known = False
    if not known:
        hint = "--out DIR names a new folder"
        raise RequestError("this folder holds something else than a page of this command", where=out, hint=hint)
    return models


def _entry(graph: Path, name: str) -> dict[str, Any]:
    """Return what the page needs to know of an exported network, in the form of the server's GET /model."""
    about = OnnxRuntimeEngine(graph).about
    scores, space = about.description["scores"], about.space
    classes = zip(space.names, space.colors, strict=True)
    mean_iou = scores.get("mean", {}).get("iou")
    return {
        "name": name,
        "encoder": about.description["encoder"],
        "dataset": about.description["protocol"].get("dataset"),
        "mean_iou": None if mean_iou is None else 100 * mean_iou,
        "size": about.size,
        "classes": [{"id": k, "name": label, "color": color} for k, (label, color) in enumerate(classes)],
        "precision": about.precision,
        "engine": f"{PACKAGE} {VERSION}",
        "sha256": hashlib.sha256(graph.read_bytes()).hexdigest(),
        "exif": about.reading.exif,
        "file": f"models/{name}.onnx",
    }


def _page() -> dict[str, bytes]:
    """Return the files of the page, in its form without a server."""
    page = {file.name: file.read_bytes() for file in files("streetseg").joinpath("serve", "page").iterdir()}
    page["index.html"] = page["index.html"].replace(b'data-home="server"', b'data-home="device"')
    del page["segment_server.js"]
    return page


def _list_of_files(contents: dict[str, bytes]) -> bytes:
    """Return the script that tells the service worker which files to keep; it changes when any of them does."""
    digest = hashlib.sha256()
    for file in sorted(contents):
        digest.update(file.encode() + b"\0" + hashlib.sha256(contents[file]).digest())
    paths = [file for file in contents if file != "service_worker.js"]
    return b"const FILES = " + _json({"version": digest.hexdigest()[:16], "paths": [*paths, "files.js"]}) + b";\n"


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
