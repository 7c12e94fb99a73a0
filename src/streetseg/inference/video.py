"""Label videos and streams frame by frame, in constant memory, by PyAV (the extra `video`).

The frames are encoded in segments of `SEGMENT` frames. A finished segment stays in a work folder beside the results
until the whole video is done, so that a killed command goes on after the last one. The segments are then joined with
the sound of the source, without encoding anything again.
"""

import logging
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Event, current_thread, main_thread
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from streetseg.atomic import atomic_write_bytes, atomic_write_json
from streetseg.data.formats import VIDEOS
from streetseg.errors import DataError, RequestError
from streetseg.inference.output import MAKER, color_map, encode_result, overlay, require_no_replacement
from streetseg.inference.predictor import Predictor
from streetseg.inference.video_files import (
    add_encoder,
    even_sides,
    is_live,
    join_segments,
    length_of,
    open_video,
    read_frames,
)
from streetseg.labels.space import LabelSpace
from streetseg.text import json_text

if TYPE_CHECKING:
    import av

log = logging.getLogger("streetseg")

KINDS = ("overlay", "color", "side", "ids")  # ids: one PNG file a frame; the others are videos
SEGMENT = 250  # frames; what a killed command repeats at most

OnFrame = Callable[[int, int | None], None]  # called after each frame with the number done and in all, if it is known


@dataclass(frozen=True)
class LabeledVideo:
    """Files that `predict_video` wrote.

    Args:
        paths: kind of result -> its video, or the folder of its masks.
        frames: in the results.
        repeated: those of them that an earlier, stopped command had done already.
    """

    paths: dict[str, Path]
    frames: int
    repeated: int


def is_video(source: str) -> bool:
    """Return whether a text names a video, a camera or a stream."""
    return is_live(source) or Path(source).suffix.lower() in VIDEOS


def require_smooth(smooth: float) -> None:
    """Raise RequestError for a weight of the frames before that is not from 0 to below 1."""
    if not 0 <= smooth < 1:
        raise RequestError(f"a weight of {smooth:g}", where="--smooth", hint="0 to below 1, e.g. 0.6")


def predict_video(
    predictor: Predictor,
    source: str,
    out: Path,
    kinds: Sequence[str] = ("overlay",),
    *,
    values: NDArray[np.uint8] | None = None,
    smooth: float = 0.0,
    model: str = "",
    on_frame: OnFrame = lambda done, total: None,
) -> LabeledVideo:
    """Write the labels of a video as videos (H.264 in MP4) or masks, with the time stamps and sound of the source.

    A camera or stream is recorded until it ends or Ctrl-C is pressed, without sound.

    Args:
        kinds: of results, from `KINDS`.
        values: the pixel value of each class in a mask, uint8 (C,); None for the ids.
        smooth: weight of the frames before in the probabilities of a frame, 0 (none) to below 1.
        model: text that changes with the model, so that a video is not continued with another one.

    Raises:
        DataError: the source is no video that can be read.
        RequestError: a result would replace a file that no prediction wrote.
    """
    name = "stream" if is_live(source) else Path(source).stem
    paths = {kind: out / (f"{name}_ids" if kind == "ids" else f"{name}_{kind}.mp4") for kind in kinds}
    _require_free(paths)
    work = out / f".{name}.part"
    request = {
        "source": _stamp(source),
        "kinds": list(kinds),
        "smooth": smooth,
        "model": model,
        "views": str(predictor.tta),
        "tile": predictor.tile,
        "values": None if values is None else values.tolist(),
    }
    segments = _Segments(work, request)
    repeated = segments.frames
    labeling = _Labeling(predictor, smooth, segments.state())
    with open_video(source) as container, _stop_request(live=is_live(source)) as stopped:
        stream = container.streams.video[0]
        total = None if is_live(source) else length_of(stream)
        upcoming = read_frames(container, source, stopped, skip=repeated)
        while _write_segment(upcoming, stream, segments, paths, labeling, values, lambda done: on_frame(done, total)):
            pass
    if not segments.frames:
        raise DataError("video has no frames that can be decoded", where=source)
    for kind in kinds:
        if kind != "ids":
            join_segments(segments.files(kind), source, paths[kind], _comment(predictor, smooth))
    shutil.rmtree(work)
    return LabeledVideo(paths, segments.frames, repeated)


class _Segments:
    """The finished segments in a work folder. Those of another request are deleted."""

    def __init__(self, work: Path, request: dict[str, Any]) -> None:
        self.work = work
        known = work / "request.json"
        if work.exists() and not (known.is_file() and known.read_text("utf-8") == json_text(request) + "\n"):
            shutil.rmtree(work)
        work.mkdir(parents=True, exist_ok=True)
        atomic_write_json(known, request)
        self.counts = [int(path.read_text()) for path in sorted(work.glob("*.frames"))]

    @property
    def frames(self) -> int:
        """The number of frames in the finished segments."""
        return sum(self.counts)

    def state(self) -> NDArray[np.float32] | None:
        """Return the smoothed probabilities after the last finished segment; None without any."""
        path = self.work / f"{len(self.counts) - 1:06}.npy"
        return np.load(path, allow_pickle=False) if path.exists() else None

    def file(self, kind: str) -> Path:
        """Return the path of the segment that is written now."""
        return self.work / f"{len(self.counts):06}_{kind}.nut"

    def files(self, kind: str) -> list[Path]:
        """Return the finished segments of a kind of result, in order."""
        return [self.work / f"{number:06}_{kind}.nut" for number in range(len(self.counts))]

    def finish(self, frames: int, state: NDArray[np.float32] | None) -> None:
        """Mark the segment that was written as finished; the mark is written last."""
        number = len(self.counts)
        if state is not None:
            np.save(self.work / f"{number:06}.npy", state)
        atomic_write_bytes(self.work / f"{number:06}.frames", str(frames).encode())
        (self.work / f"{number - 1:06}.npy").unlink(missing_ok=True)
        self.counts.append(frames)


class _Labeling:
    """Labels of frame after frame, smoothed over time if requested."""

    def __init__(self, predictor: Predictor, smooth: float, state: NDArray[np.float32] | None) -> None:
        self.predictor = predictor
        self.smooth = smooth
        self.state = state

    def labels(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if not self.smooth:
            return self.predictor.predict(image)
        found = self.predictor.scores(image, ("probabilities",))["probabilities"].astype(np.float32)
        if self.state is None or self.state.shape != found.shape:
            self.state = found
        else:
            self.state *= self.smooth
            self.state += (1 - self.smooth) * found
        labels: NDArray[np.uint8] = self.state.argmax(axis=0).astype(np.uint8)
        return labels


@contextmanager
def _stop_request(*, live: bool) -> Iterator[Event]:
    """Yield an event that Ctrl-C sets while the block records a stream; a second Ctrl-C interrupts as usual."""
    stopped = Event()
    if not live or current_thread() is not main_thread():  # only the main thread may handle signals
        yield stopped
        return
    usual = signal.getsignal(signal.SIGINT)

    def stop(signum: int, frame: FrameType | None) -> None:
        stopped.set()
        signal.signal(signal.SIGINT, usual)

    signal.signal(signal.SIGINT, stop)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, usual)


def _write_segment(
    frames: Iterator[tuple[int, NDArray[np.uint8]]],
    source: "av.VideoStream",
    segments: _Segments,
    paths: dict[str, Path],
    labeling: _Labeling,
    values: NDArray[np.uint8] | None,
    on_frame: Callable[[int], None],
) -> bool:
    """Label and encode up to `SEGMENT` frames. Return whether there may be more."""
    import av

    space = labeling.predictor.space
    done = 0
    with ExitStack() as stack:
        outputs = {
            kind: stack.enter_context(av.open(str(segments.file(kind)), "w", format="nut"))
            for kind in paths
            if kind != "ids"
        }
        streams: dict[str, av.VideoStream] = {}
        for pts, image in islice(frames, SEGMENT):
            ids = labeling.labels(image)
            for kind, output in outputs.items():
                pixels = even_sides(_drawn(kind, image, ids, space))
                if kind not in streams:
                    streams[kind] = add_encoder(output, source, pixels.shape)
                frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
                frame.pts, frame.time_base = pts, source.time_base
                output.mux(streams[kind].encode(frame))
            if "ids" in paths:
                paths["ids"].mkdir(parents=True, exist_ok=True)
                number = segments.frames + done + 1
                mask = ids if values is None else values[ids]
                data = encode_result(mask.__getitem__, len(mask))
                atomic_write_bytes(paths["ids"] / f"{number:06}_ids.png", data)
            done += 1
            on_frame(segments.frames + done)
        for kind, output in outputs.items():
            if kind in streams:
                output.mux(streams[kind].encode(None))
    if done:
        segments.finish(done, labeling.state)
    return done == SEGMENT


def _drawn(kind: str, image: NDArray[np.uint8], ids: NDArray[np.uint8], space: LabelSpace) -> NDArray[np.uint8]:
    """Return a frame of one kind of video."""
    match kind:
        case "color":
            return color_map(ids, space)
        case "side":
            return np.hstack([image, overlay(image, ids, space)])
        case _:
            return overlay(image, ids, space)


def _comment(predictor: Predictor, smooth: float) -> str:
    """Return what the file says of itself."""
    way = f"smoothed over frames, weight {smooth:g}" if smooth else "each frame alone"
    return f"{MAKER}: labels of {predictor.space.name}, {way}"


def _require_free(paths: dict[str, Path]) -> None:
    """Raise RequestError if a result would replace a file that no prediction wrote."""
    import av

    for path in paths.values():
        if path.is_dir():
            require_no_replacement(path.glob("*.png"))
        if path.suffix != ".mp4" or not path.exists():
            continue
        try:
            with av.open(str(path)) as container:
                ours = container.metadata.get("comment", "").startswith(MAKER)
        except (av.FFmpegError, OSError):
            ours = False
        if not ours:
            problem = "a video would be replaced that no earlier prediction wrote"
            raise RequestError(problem, where=path, hint="--out DIR writes elsewhere")


def _stamp(source: str) -> str:
    """Return a text that changes with the file of a video; for a stream one that never returns."""
    if is_live(source):
        return f"{source} {os.urandom(8).hex()}"
    try:
        status = Path(source).stat()
    except OSError as error:
        raise DataError(f"video cannot be opened ({error.strerror})", where=source) from None
    return f"{Path(source).resolve()} {status.st_size} {status.st_mtime_ns}"
