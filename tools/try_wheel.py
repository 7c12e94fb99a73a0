"""Install a built wheel into fresh environments, the base and each extra, and run it there. Print the sizes.

    python tools/try_wheel.py dist/streetseg-0.1.0-py3-none-any.whl
    python tools/try_wheel.py dist/streetseg-0.1.0-py3-none-any.whl --extra openvino --extra serve

Each environment is removed before the next is made. The commands run in a folder of their own, with no path of the
checkout. The first environment trains and exports the model that the others run; `--folder` keeps the folder, and a
later call with it need not train again. Packages come from where pip is configured to look.
"""

import argparse
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

DATA = "cityscapes:scenes data.space=street-11"
IMAGES = "scenes/leftImg8bit/val"
TRAIN = (
    f"train {DATA} --encoder test_efficientnet --weights none --epochs 1"
    " data.size=64x128 model.channels=[16,12,8,8] train.batch=2"
)
TRACKERS = ("tensorboard", "wandb", "mlflow", "trackio")
SEEDS = (0, 1)  # of the runs that are compared

# What a person types without an extra -> the extra that the error names.
REFUSED = {
    TRAIN: "train",
    f"predict runs/0 {IMAGES} --out refused": "train",
    f"predict street.onnx {IMAGES} --out refused --engine openvino": "openvino",
    f"predict street.onnx {IMAGES} --out refused --ray local": "ray",
    f"predict empty.tflite {IMAGES} --out refused": "litert",
    "predict street.onnx empty.mp4 --out refused": "video",
    "check shards:s3://bucket/folder": "remote",
    "serve street.onnx": "serve",
    f"predict hub:owner/name {IMAGES} --out refused": "hub",
    "fetch gdrive:https://drive.google.com/drive/folders/0123456789abcdefghijklmnopqrstuvw --out refused": "fetch",
}

WRITE_VIDEO = """
import av
from pathlib import Path
from PIL import Image

with av.open("street.mp4", "w") as file:
    stream = file.add_stream("mpeg4", rate=8)
    stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
    for path in sorted(Path("scenes/leftImg8bit").rglob("*.png")):
        file.mux(stream.encode(av.VideoFrame.from_image(Image.open(path))))
    file.mux(stream.encode())
"""
WRITE_PLACED_IMAGES = """
from pathlib import Path
from PIL import Image
from PIL.ExifTags import GPS, IFD

exif = Image.Exif()
exif.get_ifd(IFD.GPSInfo).update(
    {GPS.GPSLatitudeRef: "N", GPS.GPSLatitude: (47, 0, 0), GPS.GPSLongitudeRef: "E", GPS.GPSLongitude: (8, 0, 0)}
)
Path("placed").mkdir(exist_ok=True)
for path in Path("scenes/leftImg8bit/val").rglob("*.png"):
    Image.open(path).save(f"placed/{path.stem}.jpg", exif=exif)
"""
READ_TABLES = """
import pyarrow.parquet, pyogrio

images = pyarrow.parquet.read_table("measure/measures.parquet").num_rows
assert images == pyogrio.read_info("measure/measures.gpkg")["features"] > 0
"""


@dataclass(frozen=True)
class Environment:
    """A fresh virtual environment, and the folder that its programs run in."""

    root: Path
    folder: Path

    @property
    def programs(self) -> Path:
        return self.root / ("Scripts" if os.name == "nt" else "bin")

    def install(self, requirement: str) -> None:
        """Install with the pip of this Python, so that the environment holds nothing else."""
        pip = [sys.executable, "-m", "pip", "--python", str(self.root)]
        install = [*pip, "install", "--quiet", "--disable-pip-version-check", requirement]
        subprocess.run(install, env=self._environ(), check=True)

    def megabytes(self) -> int:
        """Return the size of all installed files and of their compiled code."""
        (packages,) = [path for path in self.root.rglob("site-packages") if path.is_dir() and not path.is_symlink()]
        return round(sum(path.stat().st_size for path in packages.rglob("*") if path.is_file()) / 1e6)

    def start(self, program: str, *words: str) -> "subprocess.Popen[str]":
        """Start a program of this environment."""
        command, pipe, environ = [str(self.programs / program), *words], subprocess.PIPE, self._environ()
        return subprocess.Popen(command, cwd=self.folder, env=environ, stdout=pipe, stderr=pipe, encoding="utf-8")

    def streetseg(self, line: str) -> None:
        """Run a command that must succeed."""
        print(f"  streetseg {line}", flush=True)
        self._succeed("streetseg", *shlex.split(line))

    def python(self, code: str) -> str:
        """Run code that must succeed. Return what it prints."""
        return self._succeed("python", "-c", code)

    def refused(self, line: str, extra: str) -> None:
        """Run a command that must end with exit code 2 and name the extra to install."""
        process = self.start("streetseg", *shlex.split(line))
        _, err = process.communicate()
        if process.returncode != 2 or f"pip install 'streetseg[{extra}]'" not in err:
            raise SystemExit(f"streetseg {line}: expected a hint at [{extra}], got {process.returncode}\n{err}")

    def _environ(self) -> dict[str, str]:
        """Return the variables of this process but for those that lead to other packages or set a recipe."""
        others = ("PYTHON", "STREETSEG_", "VIRTUAL_ENV")
        environ = {name: value for name, value in os.environ.items() if not name.startswith(others)}
        return environ | {"STREETSEG_CACHE": str(self.folder / "cache"), "PYTHONUTF8": "1"}

    def _succeed(self, program: str, *words: str) -> str:
        process = self.start(program, *words)
        out, err = process.communicate()
        if process.returncode:
            raise SystemExit(f"{shlex.join([program, *words])} ended with {process.returncode}\n{out}{err}")
        return out


def try_base(environment: Environment) -> None:
    where = environment.python("import streetseg, sys; print(streetseg.__file__); assert 'numpy' not in sys.modules")
    if not Path(where.strip()).is_relative_to(environment.root):
        raise SystemExit(f"another streetseg was imported: {where}")
    environment.python("import importlib.util as util; assert util.find_spec('torch') is None")
    for line in (
        "--version",
        "doctor",
        f"check {DATA} --report check.html",
        f"predict {IMAGES} --out base/box",
        f"predict street.onnx {IMAGES} --out base/masks --overlay",
        f"evaluate street.onnx {DATA} --out base/scores",
        f"measure street.onnx {IMAGES} --out base/measures",
        "compare runs/0 runs/1 --out base/comparison",
    ):
        environment.streetseg(line)
    for name in ("empty.tflite", "empty.mp4"):
        (environment.folder / name).touch()
    for line, extra in REFUSED.items():
        environment.refused(line, extra)


def try_train(environment: Environment) -> None:
    if not (environment.folder / "scenes").exists():
        environment.streetseg("scenes scenes --count 16 --size 64x128")
    shutil.rmtree(environment.folder / "runs", ignore_errors=True)
    for seed in SEEDS:
        environment.streetseg(f"{TRAIN} --out runs/{seed} train.seed={seed}")
    environment.streetseg(f"predict runs/0 {IMAGES} --out train/masks")


def try_export(environment: Environment) -> None:
    environment.streetseg("export runs/0 --format onnx --out street.onnx --force")


def try_litert_export(environment: Environment) -> None:
    if sys.platform == "linux" and sys.version_info < (3, 14):  # elsewhere the extra is empty
        environment.install("streetseg[litert]")
        environment.streetseg("export runs/0 --format litert --out street.tflite --force")


def try_tracker(name: str) -> Callable[[Environment], None]:
    """Return the trial of a tracker: it must not change that the run ends well, and write into its folder."""

    def try_it(environment: Environment) -> None:
        environment.streetseg(f"{TRAIN} --out {name}/run --track {name}")
        if not any(path.is_file() for path in (environment.folder / name / "run" / "trackers" / name).rglob("*")):
            raise SystemExit(f"{name} wrote nothing")

    return try_it


def try_hub(environment: Environment) -> None:
    environment.python("import huggingface_hub")
    environment.streetseg("push --help")


def try_openvino(environment: Environment) -> None:
    environment.streetseg("bench street.onnx --engine openvino")


def try_video(environment: Environment) -> None:
    environment.python(WRITE_VIDEO)
    environment.streetseg("predict street.onnx street.mp4 --out video")


def try_litert(environment: Environment) -> None:
    environment.python("import ai_edge_litert.interpreter")
    if (environment.folder / "street.tflite").exists():
        environment.streetseg(f"predict street.tflite {IMAGES} --out litert")


def try_measure(environment: Environment) -> None:
    environment.python(WRITE_PLACED_IMAGES)
    environment.streetseg("measure street.onnx placed --out measure")
    environment.python(READ_TABLES)


def try_ray(environment: Environment) -> None:
    environment.streetseg(f"predict street.onnx {IMAGES} --out ray --ray local")


def try_remote(environment: Environment) -> None:
    environment.streetseg("convert cityscapes:scenes remote --to shards data.space=street-11")
    environment.python("import s3fs")
    environment.streetseg(f"check shards:{(environment.folder / 'remote').as_uri()}")


def try_serve(environment: Environment) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    print(f"  streetseg serve street.onnx --port {port}", flush=True)
    image = next((environment.folder / IMAGES).rglob("*.png")).read_bytes()
    server = environment.start("streetseg", "serve", "street.onnx", "--port", str(port))
    try:
        while server.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz").close()
                break
            except urllib.error.URLError:
                time.sleep(0.2)
        request = urllib.request.Request(f"http://127.0.0.1:{port}/segment", image, {"Content-Type": "image/png"})
        with urllib.request.urlopen(request) as answer:
            if not answer.read().startswith(b"\x89PNG"):
                raise SystemExit("the server answered no PNG")
    finally:
        server.terminate()
        server.communicate()


def try_fetch(environment: Environment) -> None:
    environment.python("import gdown, cityscapesscripts.download.downloader")
    environment.streetseg("fetch --help")


TRIALS: dict[str, Callable[[Environment], None]] = {
    "base": try_base,
    "train": try_train,
    "export": try_export,
    **{name: try_tracker(name) for name in TRACKERS},
    "litert-export": try_litert_export,
    "openvino": try_openvino,
    "video": try_video,
    "litert": try_litert,
    "measure": try_measure,
    "ray": try_ray,
    "remote": try_remote,
    "serve": try_serve,
    "fetch": try_fetch,
    "hub": try_hub,
}
# In one environment, one after another: each needs those before it, and the other environments need their files.
MAKERS = ("train", "export", *TRACKERS, "litert-export")


def try_environment(wheel: Path, extras: tuple[str, ...], folder: Path) -> dict[str, int]:
    """Try extras one after another in one environment. Return the megabytes that each has added; `base` is all."""
    print("environment:", ", ".join(extras), flush=True)
    megabytes = {}
    with tempfile.TemporaryDirectory() as parent:
        root = Path(parent) / "environment"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(root)], check=True)
        environment = Environment(root.resolve(), folder)
        environment.install(str(wheel))
        size = megabytes["base"] = environment.megabytes()
        for extra in extras:
            if extra != "base":
                environment.install(f"{wheel}[{extra}]")
                megabytes[extra] = environment.megabytes() - size
            shutil.rmtree(folder / extra, ignore_errors=True)  # what an earlier call wrote
            TRIALS[extra](environment)
            size = environment.megabytes()
    return megabytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--extra", action="append", choices=TRIALS, help="try only this one; may be repeated")
    parser.add_argument("--folder", type=Path, help="where the commands run, kept (default: a temporary one)")
    arguments = parser.parse_args()
    chosen = arguments.extra or list(TRIALS)

    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        environments = [(extra,) for extra in chosen if extra not in MAKERS]
        if set(chosen) & set(MAKERS) or not (folder / "street.onnx").exists():
            needed = max((MAKERS.index(extra) for extra in chosen if extra in MAKERS), default=MAKERS.index("export"))
            environments.insert(0, MAKERS[: needed + 1])
        megabytes: dict[str, int] = {}
        for extras in environments:
            megabytes |= try_environment(arguments.wheel.resolve(), extras, folder)
    for extra, size in megabytes.items():
        print(f"{extra:15} {size:6} MB{'' if extra == 'base' else ' more'}")


if __name__ == "__main__":
    main()
