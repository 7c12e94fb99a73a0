"""A folder with a page that labels images on a person's own device, from any host of static files, also offline."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from streetseg.atomic import atomic_folder
from streetseg.data.images import MAX_PIXELS
from streetseg.deploy.export import Exported
from streetseg.deploy.web_runtime import PACKAGE, VERSION, runtime_files
from streetseg.errors import RequestError
from streetseg.inference.engines.onnxruntime_engine import OnnxRuntimeEngine
from streetseg.metrics.adjusted import adjustment
from streetseg.models.calibration import Calibration
from streetseg.models.description import find_bundle, validation_of
from streetseg.models.hub import named_path

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


@dataclass
class Page:
    """A folder to write: the page, networks as .onnx, and ONNX Runtime for browsers.

    A folder that holds such a page already gets the network beside its others, and the page can compare them.

    Args:
        folder: the folder.
        name: of the new network.
        models: the entries of the networks that stay.
        contents: what is known of the files, by their paths in the folder.
    """

    folder: Path
    name: str
    models: list[dict[str, Any]]
    contents: dict[str, bytes]

    @classmethod
    def open(cls, folder: Path, model: Path, suffix: str, *, force: bool) -> "Page":
        """Look at the folder before anything is computed.

        Args:
            folder: new, empty, or written by an earlier call.
            model: a run or bundle folder, which names the network.
            suffix: is added to the name.
            force: replace a network of the same name.

        Raises:
            ModelError: there is no bundle.
            RequestError: the folder is something else, or holds a network of this name.
        """
        name = _name(find_bundle(model)) + suffix
        models = _models_of(folder)
        if any(entry["name"] == name for entry in models) and not force:
            hint = "--force replaces it, --out DIR writes elsewhere"
            raise RequestError(f"the page has a model {name} already", where=folder, hint=hint)
        kept = [entry for entry in models if entry["name"] != name]
        return cls(folder, name, kept, {entry["file"]: (folder / entry["file"]).read_bytes() for entry in kept})

    def add_runtime(self, package: Path | None, tell: Callable[[str], None]) -> None:
        """Add ONNX Runtime, as `runtime_files` finds it. Raises RequestError."""
        self.contents |= {f"runtime/{name}": data for name, data in runtime_files(package, tell).items()}
        self.contents["runtime/LICENSE.txt"] = LICENSE.encode()

    def write(self, graph: Path) -> dict[Path, int]:
        """Add the network in an .onnx file, and write the folder in one step.

        Returns:
            File -> its bytes, the largest first.

        Raises:
            RequestError: the folder cannot be written.
        """
        entry = _entry(graph, self.name)
        models = {"models": [*self.models, entry], "limits": {"pixels": MAX_PIXELS}}
        contents = _page() | self.contents | {entry["file"]: graph.read_bytes(), MODELS: _json(models)}
        contents["files.js"] = _list_of_files(contents)
        try:
            with atomic_folder(self.folder) as folder:
                for file, data in contents.items():
                    (folder / file).parent.mkdir(parents=True, exist_ok=True)
                    (folder / file).write_bytes(data)
        except OSError as error:
            problem = f"the folder cannot be written ({error.strerror or error})"
            raise RequestError(problem, where=self.folder) from error
        sizes = {self.folder / file: len(data) for file, data in contents.items()}
        return dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0])))


def _name(bundle: Path) -> str:
    """Return the name of a run or bundle folder, with the characters that are plain in an address."""
    folder = named_path(bundle)
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


def export_page(
    model: Path,
    folder: Path,
    write_graph: Callable[..., Exported],
    suffix: str,
    package: Path | None,
    *,
    force: bool,
    tell: Callable[[str], None],
) -> Exported:
    """Write a network and its page into a folder.

    Args:
        model: a run or bundle folder.
        folder: as of `Page.open`.
        write_graph: writes and checks the network as the .onnx file `out`; `progress` hears what is being done.
        suffix: tells precisions of one network apart.
        package: the unpacked package of ONNX Runtime for browsers; None: npm fetches it, once.
        force: replace a network of the same name.
        tell: hears what is being done.
    """
    page = Page.open(folder, model, suffix, force=force)
    page.add_runtime(package, tell)
    with TemporaryDirectory(prefix="streetseg-web-") as scratch:
        done = write_graph(out=Path(scratch) / "model.onnx", progress=tell)
        sizes = page.write(done.files[-1])
    return replace(done, files=tuple(sizes), bytes=sum(sizes.values()))


def _entry(graph: Path, name: str) -> dict[str, Any]:
    """Return what the page needs to know of an exported network, in the form of the server's GET /model."""
    about = OnnxRuntimeEngine(graph).about
    space = about.space
    classes = zip(space.names, space.colors, strict=True)
    validation = validation_of(about.description, graph)
    return {
        "name": name,
        "encoder": about.description["encoder"],
        "dataset": about.description["protocol"].get("dataset"),
        "mean_iou": about.mean_iou,
        "size": about.size,
        "classes": [{"id": k, "name": label, "color": color} for k, (label, color) in enumerate(classes)],
        "confidence": None if about.calibration is None else _scaling(about.calibration),
        "adjustment": None if validation is None else adjustment(validation).tolist(),
        "precision": about.precision,
        "engine": f"{PACKAGE} {VERSION}",
        "sha256": hashlib.sha256(graph.read_bytes()).hexdigest(),
        "exif": about.reading.exif,
        "file": f"models/{name}.onnx",
    }


def _scaling(calibration: Calibration) -> dict[str, list[float]]:
    """Return the factor and the bias of the logits of each class, for the confidence."""
    scale, bias = calibration.scale_and_bias
    return {"scale": scale.ravel().tolist(), "bias": bias.ravel().tolist()}


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
    later = [file for file in contents if file.startswith("runtime/webgpu/")]  # which not every browser needs
    paths = [file for file in contents if file not in (*later, "service_worker.js")]
    listed = {"version": digest.hexdigest()[:16], "paths": [*paths, "files.js"], "later": later}
    return b"const FILES = " + _json(listed) + b";\n"


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
