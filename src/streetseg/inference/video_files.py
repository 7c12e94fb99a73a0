"""Files of videos by PyAV (the extra `video`): frames with their time stamps, encoded segments, and their joining."""

import heapq
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from itertools import count
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from streetseg.errors import DataError

if TYPE_CHECKING:
    import av
    from av.container import OutputContainer
    from av.packet import Packet

log = logging.getLogger("streetseg")

LIVE = ("rtsp://", "rtmp://", "udp://", "tcp://", "srt://", "/dev/video")
_WAIT = 10.0  # seconds without a frame that end a stream
_ENCODER = {"crf": "20", "preset": "veryfast", "bf": "0"}  # without B-frames, segments can be joined
_SOUND = ("aac", "mp3", "ac3", "eac3", "opus", "flac", "alac")  # codecs that MP4 holds and browsers or players know


def is_live(source: str) -> bool:
    """Return whether a text names a camera or a stream, which has no end."""
    return source.lower().startswith(LIVE)


def open_video(source: str) -> "av.container.InputContainer":
    """Open a file, a camera or a stream that has frames. Raise DataError if that fails."""
    import av

    try:
        if source.startswith("/dev/video"):
            return av.open(source, format="v4l2", timeout=_WAIT)
        container = av.open(source, timeout=_WAIT if is_live(source) else None)
    except (av.FFmpegError, OSError) as error:
        problem = f"video cannot be opened ({error.strerror or error})"
        raise DataError(problem, where=source, hint="is it a video?") from None
    if not container.streams.video:
        raise DataError("file has no video stream", where=source)
    container.streams.video[0].thread_type = "AUTO"
    return container


def read_frames(
    container: "av.container.InputContainer", source: str, stopped: Event, *, skip: int
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield the time stamp and the upright image, uint8 RGB (H, W, 3), of each frame behind the first `skip`.

    Time stamps grow from frame to frame: what a source repeats is moved by one unit of its time base.
    """
    import av

    stream = container.streams.video[0]
    last: int | None = None
    first: int | None = None
    decoded = container.decode(stream)
    for number in count():
        try:
            frame = next(decoded, None)
        except av.FFmpegError as error:
            if not is_live(source):
                log.warning("%s: the video is damaged after frame %d (%s)", source, number, error.strerror)
            return
        if frame is None or stopped.is_set():
            return
        pts = frame.pts if frame.pts is not None else (0 if last is None else last + 1)
        first = pts if first is None else first
        last = pts if last is None else max(pts, last + 1)
        if number >= skip:
            image = np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90)
            yield last - (first if is_live(source) else 0), np.ascontiguousarray(image)


def add_encoder(output: "OutputContainer", source: "av.VideoStream", shape: Sequence[int]) -> "av.VideoStream":
    """Add a stream of H.264 with frames of a shape (H, W, 3), with rate and time base of the source."""
    rate = source.average_rate or Fraction(25)
    options = _ENCODER | {"g": str(max(1, round(2 * rate)))}  # a key frame every two seconds, so that players can seek
    stream = output.add_stream("libx264", rate=rate, options=options)
    stream.height, stream.width, stream.pix_fmt = shape[0], shape[1], "yuv420p"
    assert source.time_base is not None  # it is set in every open video
    stream.codec_context.time_base = stream.time_base = source.time_base
    return stream


def even_sides(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the image with an even height and width, which H.264 needs; its last row or column is repeated."""
    height, width = image.shape[:2]
    return np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge") if height % 2 or width % 2 else image


def join_segments(segments: Sequence[Path], source: str, target: Path, comment: str) -> None:
    """Join encoded segments and the sound of the source into one MP4 file, in one step for its readers."""
    import av

    temporary = segments[0].parent / "joined.mp4"
    with ExitStack() as stack:
        output = stack.enter_context(av.open(str(temporary), "w", options={"movflags": "+faststart"}))
        output.metadata["comment"] = comment
        first = stack.enter_context(av.open(str(segments[0])))
        video = output.add_stream_from_template(first.streams.video[0])
        video.time_base = first.streams.video[0].time_base
        packets = [_packets(segments, video)]
        if not is_live(source):
            original = stack.enter_context(av.open(source))
            for sound in original.streams.audio[:1]:
                if (codec := sound.codec_context.name) in _SOUND:
                    packets.append(_sound(original, sound, output.add_stream_from_template(sound)))
                else:
                    log.info("%s: its sound is %s, which MP4 cannot hold; it is encoded as AAC", source, codec)
                    new = output.add_stream("aac", rate=sound.rate, layout=sound.layout.name)
                    packets.append(_encoded_sound(original, sound, new))
        for packet in heapq.merge(*packets, key=_time):
            output.mux(packet)
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(target)


def _packets(segments: Sequence[Path], video: "av.VideoStream") -> Iterator["Packet[Any]"]:
    import av

    for path in segments:
        with av.open(str(path)) as container:
            for packet in container.demux(video=0):
                if packet.pts is not None:
                    packet.dts = packet.pts  # without B-frames they are the same; of few frames NUT tells only one
                    packet.stream = video
                    yield packet


def _sound(
    container: "av.container.InputContainer", sound: "av.AudioStream", copy: "av.AudioStream"
) -> Iterator["Packet[Any]"]:
    for packet in container.demux(sound):
        if packet.dts is not None:
            packet.stream = copy
            yield packet


def _encoded_sound(
    container: "av.container.InputContainer", sound: "av.AudioStream", new: "av.AudioStream"
) -> Iterator["Packet[Any]"]:
    """Yield the sound of the source, encoded again, with its time stamps."""
    import av

    resampler = av.AudioResampler(format="fltp", layout=new.layout, rate=new.rate)
    for frame in container.decode(sound):
        for part in resampler.resample(frame):
            yield from new.encode(part)
    for part in resampler.resample(None):
        yield from new.encode(part)
    yield from new.encode(None)


def _time(packet: "Packet[Any]") -> Fraction:
    """Return when a packet is decoded, in seconds."""
    assert packet.dts is not None and packet.time_base is not None  # others are left out
    return Fraction(packet.dts) * packet.time_base


def length_of(stream: "av.VideoStream") -> int | None:
    """Return the number of frames by the header, or an estimate from the duration; None if it says neither."""
    if stream.frames:
        return stream.frames
    if stream.duration and stream.time_base and stream.average_rate:
        return round(stream.duration * stream.time_base * stream.average_rate)
    return None
