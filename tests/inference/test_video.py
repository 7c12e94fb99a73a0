"""`streetseg predict` of videos and streams. The videos are drawn here and written by PyAV."""

import base64
import itertools
import json
import os
import signal
import socket
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from PIL import Image

import processes
import tiny
from conftest import missing
from exported import saved
from networks import tiny_network
from streetseg.inference import video
from streetseg.inference.predictor import Predictor
from streetseg.labels.tables import STREET_11

if TYPE_CHECKING:
    from playwright.sync_api import Browser


Command = Callable[..., Any]
UNIT = Fraction(1, 12800)
SIZE = (48, 64)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("model"), tiny_network(size=SIZE).eval())


def stamps(frames: int) -> list[int]:
    """Return time stamps of a variable rate around 25 frames a second."""
    steps = np.random.default_rng(0).integers(300, 800, frames)
    return [0, *np.cumsum(steps[1:]).tolist()]


def drawn(path: Path, frames: int = 23, *, size: tuple[int, int] = SIZE, sound: str | None = "aac") -> list[int]:
    """Write a video of a variable rate, with a tone. Return the time stamps of its frames in `UNIT`."""
    times = stamps(frames)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"crf": "10", "preset": "ultrafast"})
        stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.time_base = stream.time_base = UNIT
        tone = output.add_stream(sound, rate=16000, layout="mono") if sound else None
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(tiny.street(number % 5, size)[0], "rgb24")
            frame.pts, frame.time_base = time, UNIT
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if tone is not None:
            wave = np.sin(np.arange(16000 * times[-1] // 12800) / 10).astype(np.float32)[None]
            heard = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            if sound == "pcm_s16le":
                heard = av.AudioFrame.from_ndarray((wave * 32767).astype(np.int16), format="s16", layout="mono")
            heard.sample_rate = 16000
            output.mux(tone.encode(heard))
            output.mux(tone.encode(None))
    return times


def times_of(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(video=0)]


def packets(path: Path, kind: str) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(**{kind: 0}) if packet.dts is not None]


def test_time_stamps_and_sound_are_those_of_the_source(tmp_path: Path, model: Path, streetseg: Command) -> None:
    times = drawn(tmp_path / "drive.mp4")
    kinds = ("overlay", "color", "side", "ids")
    ended = streetseg("predict", model, tmp_path / "drive.mp4", "--out", tmp_path / "out", "--save", ",".join(kinds))
    assert ended.code == 0, ended.err
    assert "23 frames labeled" in ended.out

    for kind, width in (("overlay", 64), ("color", 64), ("side", 128)):
        path = tmp_path / "out" / f"drive_{kind}.mp4"
        np.testing.assert_allclose(times_of(path), [float(time * UNIT) for time in times], atol=1e-4)
        assert packets(path, "audio") == packets(tmp_path / "drive.mp4", "audio")
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
            assert (stream.height, stream.width) == (48, width)
            assert "each frame alone" in container.metadata["comment"]

    masks = sorted((tmp_path / "out" / "drive_ids").iterdir())
    assert [path.name for path in masks] == [f"{number:06}_ids.png" for number in range(1, 24)]
    predictor = Predictor.load(model, "cpu")
    with av.open(str(tmp_path / "drive.mp4")) as source, av.open(str(tmp_path / "out" / "drive_color.mp4")) as colored:
        pairs = zip(source.decode(video=0), colored.decode(video=0), masks, strict=True)
        for before, after, mask in itertools.islice(pairs, 3):
            ids = predictor.predict(before.to_ndarray(format="rgb24"))
            assert np.array_equal(np.array(Image.open(mask)), ids)
            colors = np.array(STREET_11.colors)[ids]
            assert np.abs(after.to_ndarray(format="rgb24").astype(int) - colors).mean() < 40  # H.264 halves the colors
    assert not list((tmp_path / "out").glob(".*"))

    again = streetseg("predict", model, tmp_path / "drive.mp4", "--out", tmp_path / "out", "--smooth", "0.5", "--json")
    assert again.code == 0, again.err
    assert json.loads(again.out)["smooth"] == 0.5
    with av.open(str(tmp_path / "out" / "drive_overlay.mp4")) as container:
        assert "smoothed over frames, weight 0.5" in container.metadata["comment"]


def heard(path: Path) -> np.ndarray:
    """Return the sound of a video, float (samples,)."""
    with av.open(str(path)) as container:
        parts = [frame.to_ndarray()[0].astype(float) for frame in container.decode(audio=0)]
    return np.concatenate(parts)


def test_sound_that_mp4_cannot_hold_is_encoded_again(tmp_path: Path, model: Path, streetseg: Command) -> None:
    drawn(tmp_path / "camera.mov", sound="pcm_s16le")
    ended = streetseg("predict", model, tmp_path / "camera.mov", "--out", tmp_path / "out")
    assert ended.code == 0, ended.err
    assert "its sound is pcm_s16le, which MP4 cannot hold; it is encoded as AAC" in " ".join(ended.err.split())
    result = tmp_path / "out" / "camera_overlay.mp4"
    with av.open(str(result)) as container:
        sound = container.streams.audio[0]
        assert (sound.codec_context.name, sound.rate) == ("aac", 16000)
    before, after = heard(tmp_path / "camera.mov") / 32767, heard(result)
    assert abs(len(before) - len(after)) <= 3072  # AAC comes in blocks of 1024 samples
    shared = min(len(before), len(after))
    lags = [
        np.corrcoef(before[2000 : shared - 2000], after[2000 + lag : shared - 2000 + lag])[0, 1] for lag in (0, 1024)
    ]
    assert max(lags) > 0.99


def test_a_video_of_an_odd_size_that_is_turned(tmp_path: Path, model: Path, streetseg: Command) -> None:
    path = tmp_path / "turned.mp4"
    drawn(path, 3, sound=None)
    data = path.read_bytes()
    upright, quarter = (1, 0, 0, 0, 1, 0, 0, 0, 0x4000), (0, 1, 0, -1, 0, 0, 0, 0, 0x4000)
    matrices = [b"".join((value << 16 & 0xFFFFFFFF).to_bytes(4, "big") for value in one) for one in (upright, quarter)]
    at = data.index(matrices[0], data.index(b"tkhd"))  # the matrix of the track, which players turn it by
    path.write_bytes(data[:at] + matrices[1] + data[at + 36 :])
    assert streetseg("predict", model, path, "--out", tmp_path / "out").code == 0
    with av.open(str(tmp_path / "out" / "turned_overlay.mp4")) as container, av.open(str(path)) as source:
        frame, original = next(container.decode(video=0)), next(source.decode(video=0))
    assert (frame.height, frame.width, frame.rotation) == (64, 48, 0)
    assert abs(original.rotation) == 90
    before = np.rot90(original.to_ndarray(format="rgb24"), -1).astype(float).mean(axis=2)  # clockwise, as it is played
    after = frame.to_ndarray(format="rgb24").astype(float).mean(axis=2)
    alike = [np.corrcoef(before.ravel(), np.rot90(after, turn).ravel())[0, 1] for turn in (0, 2)]
    assert alike[0] > alike[1]


@pytest.mark.parametrize("smooth", [0.0, 0.6])
def test_a_killed_command_goes_on_and_gives_the_same_video(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch, smooth: float
) -> None:
    monkeypatch.setattr(video, "SEGMENT", 5)
    drawn(tmp_path / "drive.mp4")
    predictor = Predictor.load(model, "cpu")
    source, out = str(tmp_path / "drive.mp4"), tmp_path / "out"

    def die(done: int, total: int | None) -> None:
        assert total == 23
        if done == 13:
            os.kill(os.getpid(), signal.SIGKILL)

    killed = processes.start(
        lambda: video.predict_video(predictor, source, out, smooth=smooth, on_frame=die), tmp_path, "killed"
    )
    assert killed.wait() == -signal.SIGKILL
    assert not (out / "drive_overlay.mp4").exists()

    seen: list[int] = []
    resumed = video.predict_video(predictor, source, out, smooth=smooth, on_frame=lambda done, total: seen.append(done))
    assert (resumed.frames, resumed.repeated, seen[0]) == (23, 10, 11)
    whole = video.predict_video(predictor, source, tmp_path / "whole", smooth=smooth)
    assert whole.repeated == 0
    for kind in ("video", "audio"):
        assert packets(resumed.paths["overlay"], kind) == packets(whole.paths["overlay"], kind)


def test_another_request_does_not_go_on(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "SEGMENT", 5)
    drawn(tmp_path / "drive.mp4", 12)
    predictor = Predictor.load(model, "cpu")

    def stop(done: int, total: int | None) -> None:
        if done == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        video.predict_video(predictor, str(tmp_path / "drive.mp4"), tmp_path / "out", on_frame=stop)
    other = video.predict_video(predictor, str(tmp_path / "drive.mp4"), tmp_path / "out", smooth=0.5)
    assert (other.frames, other.repeated) == (12, 0)


def test_what_cannot_be_done_is_said(tmp_path: Path, model: Path, streetseg: Command) -> None:
    drawn(tmp_path / "drive.mp4", 3)
    (tmp_path / "page.mp4").write_text("<html></html>")
    out = ("--out", tmp_path / "out")
    for argv, said in (
        ((tmp_path / "page.mp4",), "video cannot be opened"),
        ((tmp_path / "none.mp4",), "video cannot be opened"),
        ((tmp_path / "drive.mp4", tmp_path), "videos and images in one command"),
        ((tmp_path / "drive.mp4", "--smooth", "1"), "a weight of 1"),
        ((tmp_path / "drive.mp4", "--save", "coco"), "unknown kind of result 'coco'"),
    ):
        ended = streetseg("predict", model, *argv, *out)
        assert ended.code == 2
        assert said in ended.err
    theirs = tmp_path / "out" / "drive_overlay.mp4"
    theirs.parent.mkdir(exist_ok=True)
    theirs.write_bytes((tmp_path / "drive.mp4").read_bytes())
    ended = streetseg("predict", model, tmp_path / "drive.mp4", *out)
    assert ended.code == 2
    assert "no earlier prediction wrote" in ended.err
    assert theirs.read_bytes() == (tmp_path / "drive.mp4").read_bytes()


@pytest.fixture
def stream(tmp_path: Path) -> "Stream":
    drawn(tmp_path / "stream.ts", sound=None)
    return Stream((tmp_path / "stream.ts").read_bytes())


class Stream:
    """A camera on this machine: sends a video to whoever connects, and then ends or stays silent."""

    def __init__(self, data: bytes) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self.server.getsockname()[1]}"
        self.data = data

    def send(self) -> None:
        threading.Thread(target=self._send, daemon=True).start()

    def _send(self) -> None:
        connection, _ = self.server.accept()
        with connection:
            connection.sendall(self.data)


def test_a_stream_is_recorded_until_it_ends(tmp_path: Path, model: Path, streetseg: Command, stream: Stream) -> None:
    stream.send()
    ended = streetseg("predict", model, stream.url, "--out", tmp_path / "out", "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["videos"][0]["frames"] == 23
    times = times_of(tmp_path / "out" / "stream_overlay.mp4")
    np.testing.assert_allclose(times, [float(time * UNIT) for time in stamps(23)], atol=1e-3)


def test_ctrl_c_ends_a_recording_whole(tmp_path: Path, model: Path, stream: Stream) -> None:
    stream.send()

    def stop(done: int, total: int | None) -> None:
        assert total is None
        if done == 7:
            signal.raise_signal(signal.SIGINT)

    recorded = video.predict_video(Predictor.load(model, "cpu"), stream.url, tmp_path / "out", on_frame=stop)
    assert recorded.frames == 7
    assert len(times_of(tmp_path / "out" / "stream_overlay.mp4")) == 7


def test_a_browser_plays_it(tmp_path: Path, model: Path, streetseg: Command, browser: "Browser") -> None:
    times = drawn(tmp_path / "drive.mp4")
    assert streetseg("predict", model, tmp_path / "drive.mp4", "--out", tmp_path / "out").code == 0
    page = browser.new_page()
    data = base64.b64encode((tmp_path / "out" / "drive_overlay.mp4").read_bytes()).decode()
    page.set_content("<video muted></video>")
    if not page.evaluate("document.querySelector('video').canPlayType('video/mp4; codecs=\"avc1.640028\"')"):
        missing("browser", "this Chromium has no H.264")
    found = page.evaluate(
        """(data) => new Promise((done) => {
            const video = document.querySelector("video");
            video.onerror = () => done({error: video.error.message});
            video.onended = () => done({duration: video.duration, width: video.videoWidth, at: video.currentTime});
            video.src = "data:video/mp4;base64," + data;
            video.play();
        })""",
        data,
    )
    page.close()
    assert found["width"] == 64
    assert found["duration"] == pytest.approx(float(times[-1] * UNIT), abs=0.2)
