"""`POST /segment/video`: videos drawn here, written by PyAV."""

import io
from pathlib import Path

import av
import httpx
import numpy as np
import pytest

import tiny
from serving import Serving, serving

SIZE = (48, 64)


def drawn(frames: int, form: str = "mp4", size: tuple[int, int] = SIZE) -> bytes:
    """Return the bytes of a video of moving scenes."""
    file = io.BytesIO()
    scenes = [tiny.street(number, size)[0] for number in range(3)]
    with av.open(file, "w", format=form) as output:
        stream = output.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
        for number in range(frames):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(scenes[number % 3], "rgb24")))
        output.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize("form", ["mp4", "matroska", "avi"])
def test_a_video_comes_back_with_the_classes_over_it(client: httpx.Client, form: str) -> None:
    video = drawn(7, form)
    raw = client.post("/segment/video", content=video, headers={"Content-Type": "video/mp4"})
    in_form = client.post("/segment/video", files={"video": video})
    assert (raw.status_code, raw.headers["content-type"]) == (200, "video/mp4")
    assert in_form.content == raw.content
    with av.open(io.BytesIO(raw.content)) as before, av.open(io.BytesIO(video)) as source:
        found, original = (
            np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
            for container in (before, source)
        )
    assert found.shape == original.shape == (7, *SIZE, 3)
    assert np.abs(found.astype(int) - original).mean() > 5


@pytest.mark.bad_input(
    37, "a video that is none, too long or with large frames, or a list of other files: 400, 413, 415"
)
def test_what_is_no_short_video(tmp_path: Path, client: httpx.Client) -> None:
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
    for body, media_type, status, error in (
        (b"", "video/mp4", 415, "the body is no video"),
        (playlist, "application/octet-stream", 415, "the body is no video"),
        (drawn(2)[:40], "video/mp4", 400, "the video cannot be opened"),
        (b"x", "image/png", 415, "the body is 'image/png'"),
        (drawn(1801, size=(16, 16)), "video/mp4", 413, "the video has more than 1800 frames"),
    ):
        refusal = client.post("/segment/video", content=body, headers={"Content-Type": media_type})
        assert (refusal.status_code, refusal.json()["error"][: len(error)]) == (status, error)


def test_frames_over_the_limit_of_pixels(tmp_path: Path, model: Path) -> None:
    with serving(tmp_path, model, "--max-megapixels", 0.001) as running, running.client() as client:
        refusal = client.post("/segment/video", content=drawn(2))
    assert (refusal.status_code, refusal.json()["error"]) == (413, "the frames are larger than 0.001 megapixels")


def test_a_video_leaves_no_file(server: Serving, client: httpx.Client, tmp_path: Path) -> None:
    import tempfile

    before = set(Path(tempfile.gettempdir()).glob("streetseg-*"))
    assert client.post("/segment/video", content=drawn(3)).status_code == 200
    after = set(Path(tempfile.gettempdir()).glob("streetseg-*"))
    assert {path for path in after - before if (path / "video").exists()} == set()
