"""A video in, the video with the classes over it out."""

import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from threading import Event
from typing import IO

from streetseg.errors import DataError
from streetseg.serve.answers import RequestFailedError
from streetseg.serve.model import ServedModel
from streetseg.serve.settings import VIDEO_FRAMES, VIDEO_SECONDS

# Where a mark stands in the first bytes of a container, and the mark. Others are not opened: FFmpeg also reads play
# lists, which name further files and addresses.
_CONTAINERS = ((4, b"ftyp"), (0, b"\x1aE\xdf\xa3"), (8, b"AVI "))


def overlay_video(model: ServedModel, data: IO[bytes], stop: Event) -> IO[bytes]:
    """Return an MP4 file: the video with the colors of the classes over each frame, and its sound.

    Args:
        model: labels the frames.
        data: the bytes of an MP4, MOV, MKV, WebM or AVI file.
        stop: ends the work when it is set.

    Raises:
        RequestFailedError: the file is no video, too large, or too long.
    """
    from streetseg.inference.video import predict_video

    end = time.monotonic() + VIDEO_SECONDS

    def on_frame(done: int, total: int | None) -> None:
        if stop.is_set() or time.monotonic() > end:
            raise RequestFailedError(503, f"the video was not labeled within {VIDEO_SECONDS:g} s")
        _require_few(max(done, total or 0))

    with TemporaryDirectory(prefix="streetseg-") as folder:
        source = Path(folder) / "video"
        data.seek(0)
        with source.open("wb") as file:
            shutil.copyfileobj(data, file)
        _require_video(source, model.max_pixels)
        try:
            labeled = predict_video(model.predictor, str(source), Path(folder), on_frame=on_frame)
        except DataError as error:
            raise RequestFailedError(400, error.problem, hint="send another file") from error
        result = TemporaryFile()  # noqa: SIM115  # the answer is read from it, and closes it
        with labeled.paths["overlay"].open("rb") as written:
            shutil.copyfileobj(written, result)
    result.seek(0)
    return result


def _require_video(path: Path, max_pixels: int) -> None:
    """Raise RequestFailedError unless the header of a file names frames that are not too large."""
    try:
        import av
    except ModuleNotFoundError:
        hint = "pip install 'streetseg[video]' where the server runs"
        raise RequestFailedError(501, "the server needs av for videos, which is not installed", hint=hint) from None
    with path.open("rb") as file:
        head = file.read(12)
    if not any(head[start:].startswith(mark) for start, mark in _CONTAINERS):
        raise RequestFailedError(415, "the body is no video", hint="send an MP4, MOV, MKV, WebM or AVI file")
    try:
        with av.open(str(path)) as container:
            sizes = [(stream.width, stream.height) for stream in container.streams.video]
    except (av.FFmpegError, OSError) as error:
        raise RequestFailedError(400, f"the video cannot be opened ({error.strerror})") from error
    if any(width * height > max_pixels for width, height in sizes):
        raise RequestFailedError(413, f"the frames are larger than {max_pixels / 1e6:g} megapixels")


def _require_few(frames: int) -> None:
    if frames > VIDEO_FRAMES:
        problem = f"the video has more than {VIDEO_FRAMES} frames"
        raise RequestFailedError(413, problem, hint="send a part of it, or use streetseg predict")
